//! From a prompt's ids back to the question that it asks.

use super::chat::Medium;
use super::{Processor, expand, tokens};
use crate::error::Result;

impl Processor {
    /// The question that these prompt ids ask, if the chat template and the tokenizer give exactly these ids for it.
    ///
    /// The run of image tokens may have any length. `None` where the ids are not this processor's prompt for any question.
    pub fn question_of(&self, ids: &[u32]) -> Result<Option<String>> {
        let is_image = |id: &u32| *id == self.image_token_id;
        let Some(last) = ids.iter().rposition(is_image) else { return Ok(None) };
        let begin = usize::from(ids.first().is_some_and(|id| Some(*id) == self.bos_id));
        let behind = self.tokenizer.decode_all(&ids[last + 1..])?;
        let (before, after) = self.chat.frame()?;
        let place = self.family.image_place();
        let Some((head, between)) = before.split_once(place) else { return Ok(None) };
        let between = format!("{}{between}", self.family.image_end());
        let Some(body) = tokens::between(&behind, &between, &after) else { return Ok(None) };
        // Everything from where the image stands to its last token, whatever the family put there.
        let text = self.tokenizer.decode_all(&ids[begin..=last])?;
        let head = head.strip_prefix(self.tokenizer.named("bos_token").unwrap_or_default()).unwrap_or(head);
        let Some(filling) = text.strip_prefix(head) else { return Ok(None) };
        let filling = format!("{filling}{}", self.family.image_end());
        // Decoders add and drop spaces; only a question that encodes to the very ids is the one.
        for question in [body.trim(), body] {
            let Ok(prompt) = self.prompt(question, Medium::Image) else { continue };
            let (expanded, _) = expand(&prompt, place, &filling)?;
            if self.tokenizer.encode(&expanded)?.ids == ids {
                return Ok(Some(question.to_owned()));
            }
        }
        Ok(None)
    }
}
