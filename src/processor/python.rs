//! The methods of Python strings and dictionaries that chat templates call.
//!
//! Templates are written for Jinja in Python, where `message['role'].upper()` is a method of `str`. Only what published
//! templates use is here; anything else is an error that names the method.

use minijinja::value::{Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

/// Calls `value.method(args)` as Python would.
pub fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match (value.kind(), value.as_str()) {
        (_, Some(text)) => on_str(text, method, args),
        (ValueKind::Map, _) => on_dict(state, value, method, args),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn on_str(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let value = match method {
        "upper" => none(args, Value::from(text.to_uppercase()))?,
        "lower" => none(args, Value::from(text.to_lowercase()))?,
        "capitalize" => none(args, Value::from(capitalize(text)))?,
        "title" => none(args, Value::from(title(text)))?,
        "strip" => Value::from(strip(text, args, Sides { start: true, end: true })?),
        "lstrip" => Value::from(strip(text, args, Sides { start: true, end: false })?),
        "rstrip" => Value::from(strip(text, args, Sides { start: false, end: true })?),
        "startswith" => affix(args, |affix| text.starts_with(affix))?,
        "endswith" => affix(args, |affix| text.ends_with(affix))?,
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "replace" => {
            let (from, to, count): (&str, &str, Option<usize>) = from_args(args)?;
            Value::from(count.map_or_else(|| text.replace(from, to), |count| text.replacen(from, to, count)))
        }
        "split" => {
            let (separator, most): (Option<&str>, Option<usize>) = from_args(args)?;
            Value::from(split(text, separator, most))
        }
        "splitlines" => none(args, Value::from(text.lines().map(Value::from).collect::<Vec<_>>()))?,
        "join" => {
            let (parts,): (Value,) = from_args(args)?;
            let parts: Vec<String> = parts.try_iter()?.map(|part| part.to_string()).collect();
            Value::from(parts.join(text))
        }
        "count" => {
            let (what,): (&str,) = from_args(args)?;
            Value::from(text.matches(what).count())
        }
        "find" => {
            let (what,): (&str,) = from_args(args)?;
            Value::from(text.find(what).map_or(-1, |at| text[..at].chars().count() as i64))
        }
        "isdigit" => none(args, Value::from(!text.is_empty() && text.chars().all(char::is_numeric)))?,
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    Ok(value)
}

fn on_dict(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "items" => state.apply_filter("items", std::slice::from_ref(value)),
        "keys" => none(args, Value::from(value.try_iter()?.collect::<Vec<_>>())),
        "values" => {
            let values: Result<Vec<_>, _> = value.try_iter()?.map(|key| value.get_item(&key)).collect();
            none(args, Value::from(values?))
        }
        "get" => {
            let (key, default): (Value, Option<Value>) = from_args(args)?;
            let found = value.get_item(&key)?;
            Ok(if found.is_undefined() { default.unwrap_or(Value::from(())) } else { found })
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// `value`, provided that the call had no arguments.
fn none(args: &[Value], value: Value) -> Result<Value, Error> {
    let () = from_args(args)?;
    Ok(value)
}

/// Which ends `strip` works on.
struct Sides {
    start: bool,
    end: bool,
}

fn strip<'a>(text: &'a str, args: &[Value], sides: Sides) -> Result<&'a str, Error> {
    let (chars,): (Option<&str>,) = from_args(args)?;
    let goes = |c: char| chars.map_or(c.is_whitespace(), |chars| chars.contains(c));
    let text = if sides.start { text.trim_start_matches(goes) } else { text };
    Ok(if sides.end { text.trim_end_matches(goes) } else { text })
}

/// `startswith` and `endswith` take one string or a tuple of them.
fn affix(args: &[Value], test: impl Fn(&str) -> bool) -> Result<Value, Error> {
    let (affixes,): (Value,) = from_args(args)?;
    if let Some(one) = affixes.as_str() {
        return Ok(Value::from(test(one)));
    }
    Ok(Value::from(affixes.try_iter()?.any(|one| one.as_str().is_some_and(&test))))
}

fn split(text: &str, separator: Option<&str>, most: Option<usize>) -> Vec<Value> {
    match (separator, most) {
        (Some(separator), Some(most)) => text.splitn(most + 1, separator).map(Value::from).collect(),
        (Some(separator), None) => text.split(separator).map(Value::from).collect(),
        (None, _) => text.split_whitespace().map(Value::from).collect(),
    }
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase())
        } else {
            out.extend(c.to_uppercase())
        }
        inside = c.is_alphabetic();
    }
    out
}

#[cfg(test)]
mod tests {
    fn render(source: &str) -> String {
        let mut environment = minijinja::Environment::new();
        environment.set_unknown_method_callback(super::call);
        environment.render_str(source, minijinja::Value::from(())).unwrap()
    }

    #[test]
    fn strings_behave_as_in_python() {
        for (source, expected) in [
            ("{{ 'user'.upper() + ': ' }}", "USER: "),
            ("{{ 'uSER one'.capitalize() }}", "User one"),
            ("{{ \"it's a\".title() }}", "It'S A"),
            ("[{{ ' a '.strip() }}{{ 'xxa'.lstrip('x') }}{{ 'a\n'.rstrip() }}]", "[aaa]"),
            ("{{ 'a,b,c'.split(',', 1)[1] }} {{ 'a  b'.split()[1] }}", "b,c b"),
            ("{{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('b') }}", "True False"),
            ("{{ ', '.join(['a', 'b']) }} {{ 'aXbX'.replace('X', '-', 1) }}", "a, b a-bX"),
            ("{{ 'é<i>'.find('<i>') }} {{ 'aa'.count('a') }}", "1 2"),
        ] {
            assert_eq!(render(source), expected, "{source}");
        }
    }

    #[test]
    fn dictionaries_behave_as_in_python() {
        assert_eq!(render("{{ {'a': 1}.get('a') }} {{ {'a': 1}.get('b', 2) }}"), "1 2");
        assert_eq!(render("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}"), "a1");
        assert_eq!(render("{{ {'a': 1}.keys() | list }} {{ {'a': 1}.values() | list }}"), "['a'] [1]");
    }

    #[test]
    fn unknown_methods_are_errors() {
        let mut environment = minijinja::Environment::new();
        environment.set_unknown_method_callback(super::call);
        let error = environment.render_str("{{ 'a'.casefold() }}", minijinja::Value::from(())).unwrap_err();
        assert!(error.to_string().contains("casefold"), "{error}");
    }
}
