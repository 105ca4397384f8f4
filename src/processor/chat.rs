//! The chat template: from a question to the text of a prompt.
//!
//! Hugging Face templates are Jinja with `trim_blocks` and `lstrip_blocks`, plus a few functions of their own; what they
//! are given here is one user message with an image and a text, the way `apply_chat_template` of a processor is called.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, ErrorKind};

use super::folder::{Json, read_text};
use super::python;
use crate::error::{Error, Result};

/// Where a template may be, in the order in which transformers looks.
const PLACES: [&str; 4] = [
    "`chat_template` in processor_config.json",
    "chat_template.json",
    "chat_template.jinja",
    "`chat_template` in tokenizer_config.json",
];

/// A compiled chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// The file it came from, for messages.
    origin: String,
    /// What the template sees besides the messages: `bos_token` and its like.
    special: Vec<(String, String)>,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    Image,
    Video,
}

impl Medium {
    /// The `type` of its part of the message.
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
        }
    }
}

/// A prompt, and where the question stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub text: String,
    /// Byte offset of the question in `text`.
    pub question_at: usize,
}

impl ChatTemplate {
    /// Finds and compiles the template of a checkpoint folder. `special` are the tokenizer's named tokens; `fallback` is
    /// the family's documented template for folders without one.
    pub fn open(folder: &Path, special: Vec<(String, String)>, fallback: Option<&str>) -> Result<Self> {
        let (origin, source) = match find(folder)? {
            Some(found) => found,
            None => match fallback {
                Some(source) => ("the family's documented prompt".to_owned(), source.to_owned()),
                None => {
                    let looked =
                        format!("`{}` has no chat template; looked for {}", folder.display(), PLACES.join(", "));
                    return Err(Error::data(looked).with_help("copy the checkpoint's chat template into the folder"));
                }
            },
        };
        let mut environment = environment().map_err(|error| Error::data(format!("{origin}: {error}")))?;
        environment
            .add_template_owned("chat", without_generation_tags(&source))
            .map_err(|error| Error::data(format!("chat template of {origin} does not compile: {error:#}")))?;
        Ok(Self { environment, origin, special })
    }

    /// The prompt that asks one question about one image or video and leaves the turn to the model.
    pub fn prompt(&self, question: &str, medium: Medium) -> Result<Prompt> {
        // The template may treat text as it likes; a stand-in shows where it puts it.
        const STAND_IN: &str = "\u{2}question\u{3}";
        let text = self.render(question, medium)?;
        let marked = self.render(STAND_IN, medium)?;
        let unclear = || {
            Error::data(format!(
                "chat template of {} does not hold the question `{question}` word for word",
                self.origin
            ))
            .with_help("remove white space around the question")
        };
        let (before, after) = marked.split_once(STAND_IN).ok_or_else(unclear)?;
        let body = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).ok_or_else(unclear)?;
        if body != question {
            return Err(unclear());
        }
        Ok(Prompt { question_at: before.len(), text })
    }

    /// What the template puts before and after every question about an image.
    pub fn frame(&self) -> Result<(String, String)> {
        let Prompt { text, question_at } = self.prompt("question", Medium::Image)?;
        Ok((text[..question_at].to_owned(), text[question_at + "question".len()..].to_owned()))
    }

    fn render(&self, question: &str, medium: Medium) -> Result<String> {
        let part = |pairs: &[(&str, &str)]| Value::from_pairs(pairs.iter().map(|(k, v)| (*k, Value::from(*v))));
        let content = vec![part(&[("type", medium.name())]), part(&[("type", "text"), ("text", question)])];
        let message = Value::from_pairs([("role", Value::from("user")), ("content", Value::from(content))]);
        let fixed = [
            ("messages", Value::from(vec![message])),
            ("add_generation_prompt", Value::from(true)),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
        ];
        let special = self.special.iter().map(|(name, token)| (name.as_str(), Value::from(token.as_str())));
        let context = Value::from_pairs(fixed.into_iter().chain(special));
        self.environment
            .get_template("chat")
            .and_then(|template| template.render(context))
            .map_err(|error| Error::data(format!("chat template of {}: {error:#}", self.origin)))
    }
}

/// The template of a folder and the name of its file.
fn find(folder: &Path) -> Result<Option<(String, String)>> {
    for name in ["processor_config.json", "chat_template.json"] {
        if let Some(source) = Json::read(folder, name)?.map(|json| template_of(&json)).transpose()?.flatten() {
            return Ok(Some((format!("`{}`", folder.join(name).display()), source)));
        }
    }
    let path = folder.join("chat_template.jinja");
    if let Some(source) = read_text(&path)? {
        return Ok(Some((format!("`{}`", path.display()), source)));
    }
    let Some(json) = Json::read(folder, "tokenizer_config.json")? else { return Ok(None) };
    Ok(template_of(&json)?.map(|source| (format!("`{}`", json.path().display()), source)))
}

/// `chat_template`: a string, or a list of `{name, template}` of which the one named "default" counts.
fn template_of(json: &Json) -> Result<Option<String>> {
    const KEY: &str = "chat_template";
    const EXPECTED: &str = "a template, or a list of {name, template} with one named \"default\"";
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Stored {
        One(String),
        Named(Vec<Named>),
    }
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
        template: String,
    }
    match json.get(KEY, EXPECTED)? {
        None => Ok(None),
        Some(Stored::One(source)) => Ok(Some(source)),
        Some(Stored::Named(all)) => match all.into_iter().find(|one| one.name == "default") {
            Some(one) => Ok(Some(one.template)),
            None => Err(json.wrong(KEY, EXPECTED)),
        },
    }
}

/// Jinja as transformers sets it up.
fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(python::call);
    environment.add_function("raise_exception", |message: String| -> Result<Value, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", |format: &str| -> Result<String, minijinja::Error> {
        super::date::format_now(format).ok_or_else(|| {
            minijinja::Error::new(ErrorKind::InvalidOperation, format!("date format `{format}` is not known"))
        })
    });
    environment.add_filter("tojson", |value: &Value, indent: Option<Value>, options: Kwargs| {
        let text = minijinja::filters::tojson(value, indent, options)?;
        Ok::<_, minijinja::Error>(without_html_escapes(&text.to_string()))
    });
    Ok(environment)
}

/// `{% generation %}` only marks what to train on; it becomes a block of the same white space that always holds.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, tag)) = rest.split_once("{%") {
        let Some((inside, after)) = tag.split_once("%}") else { break };
        let name = inside.trim_matches(['-', '+']).trim();
        let replaced = match name {
            "generation" => inside.replace(name, "if true"),
            "endgeneration" => inside.replace(name, "endif"),
            _ => inside.to_owned(),
        };
        out.extend([before, "{%", &replaced, "%}"]);
        rest = after;
    }
    out + rest
}

/// Jinja's `tojson` is safe inside HTML; the one that transformers puts in its place is plain JSON.
fn without_html_escapes(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let plain = [("u003c", "<"), ("u003e", ">"), ("u0026", "&"), ("u0027", "'")];
        let escape = plain.iter().find_map(|(code, plain)| Some((*plain, after.strip_prefix(code)?)));
        rest = match escape {
            Some((plain, after)) => {
                out.push_str(plain);
                after
            }
            None => {
                // Any other escape stays, its second character with it: `\\u003c` is a backslash, then plain text.
                let end = after.chars().next().map_or(0, char::len_utf8);
                out.push('\\');
                out.push_str(&after[..end]);
                &after[end..]
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(source: &str) -> ChatTemplate {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("chat_template.jinja"), source).unwrap();
        ChatTemplate::open(folder.path(), vec![("bos_token".into(), "<s>".into())], None).unwrap()
    }

    #[test]
    fn blocks_are_trimmed_as_transformers_does() {
        let source = "{{ bos_token }}{% for m in messages %}\n    {% if m.role == 'user' %}\nQ: {{ m.content[1].text }}\n    {% endif %}\n{% endfor %}\nA:\n";
        let prompt = template(source).prompt("Why?", Medium::Image).unwrap();
        assert_eq!(prompt.text, "<s>Q: Why?\nA:");
        assert_eq!(&prompt.text[prompt.question_at..], "Why?\nA:");
    }

    #[test]
    fn generation_tags_loop_controls_and_json_work() {
        let source = "{%- generation -%} x {%- endgeneration %}{% for i in [1, 2] %}{{ i }}{% break %}{% endfor %}\
                      {{ {'a': '<b> & \\\\u003c'} | tojson }}{{ messages[0]['content'][1]['text'] }}";
        assert_eq!(template(source).prompt("q", Medium::Image).unwrap().text, "x1{\"a\": \"<b> & \\\\u003c\"}q");
    }

    #[test]
    fn a_template_can_refuse() {
        let error = template("{{ raise_exception('no images here') }}").prompt("q", Medium::Image).unwrap_err();
        assert!(error.to_string().contains("no images here"), "{error}");
    }

    #[test]
    fn a_template_that_changes_the_question_is_an_error() {
        let trimming = template("{{ messages[0].content[1].text | trim }}!");
        assert_eq!(trimming.prompt("q", Medium::Image).unwrap().text, "q!");
        assert!(trimming.prompt(" q", Medium::Image).unwrap_err().to_string().contains("word for word"));
        assert!(template("nothing").prompt("q", Medium::Image).is_err());
    }

    #[test]
    fn without_any_template_the_places_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let error = ChatTemplate::open(folder.path(), Vec::new(), None).err().unwrap().to_string();
        assert!(error.contains("chat_template.jinja") && error.contains("tokenizer_config.json"), "{error}");
        let fallback =
            ChatTemplate::open(folder.path(), Vec::new(), Some("{{ messages[0].content[1].text }}")).unwrap();
        assert_eq!(fallback.prompt("q", Medium::Image).unwrap().text, "q");
    }

    #[test]
    fn files_are_looked_at_in_the_order_of_transformers() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let text = |folder: &Path| {
            ChatTemplate::open(folder, Vec::new(), None).unwrap().prompt("q", Medium::Image).unwrap().text
        };
        let ends = |end: &str| format!("{{{{ messages[0].content[1].text }}}}{end}");
        write(
            "tokenizer_config.json",
            &format!(
                r#"{{"chat_template": [{{"name": "rag", "template": "x"}}, {{"name": "default", "template": "{}"}}]}}"#,
                ends("4")
            ),
        );
        assert_eq!(text(folder.path()), "q4");
        write("chat_template.jinja", &ends("3"));
        assert_eq!(text(folder.path()), "q3");
        write("chat_template.json", &format!(r#"{{"chat_template": "{}"}}"#, ends("2")));
        assert_eq!(text(folder.path()), "q2");
        write("processor_config.json", &format!(r#"{{"chat_template": "{}"}}"#, ends("1")));
        assert_eq!(text(folder.path()), "q1");
    }
}
