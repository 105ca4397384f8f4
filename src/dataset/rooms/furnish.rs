//! Which things stand in a room.

use super::identity::{Form, Identity, Tint, identities};
use crate::dataset::scenes::{Dice, Split};

/// Identities in different colours, from one side of the wall; none where it has not so many colours.
pub(super) fn draw(dice: &mut Dice, things: usize, split: Split) -> Option<Vec<Identity>> {
    let known = identities(split);
    let mut tints = Tint::ALL.to_vec();
    dice.shuffle(&mut tints);
    let mut drawn = Vec::new();
    for tint in tints {
        let forms: Vec<Identity> = known.iter().copied().filter(|identity| identity.tint == tint).collect();
        if !forms.is_empty() && drawn.len() < things {
            drawn.push(dice.pick(&forms));
        }
    }
    (drawn.len() == things).then_some(drawn)
}

/// The same, of which the first `count` have a form and no others do, for every count from 0 to all of them: `[count]`.
/// Colours stay, and so do the forms of those that are not counted. Identities that training shows.
pub(super) fn draw_counted(dice: &mut Dice, things: usize, form: Form) -> Vec<Vec<Identity>> {
    let known = identities(Split::Training);
    let has = |form: Form, tint: Tint| known.contains(&Identity { form, tint });
    let mut tints: Vec<Tint> = Tint::ALL.into_iter().filter(|tint| has(form, *tint)).collect();
    dice.shuffle(&mut tints);
    tints.truncate(things);
    let others: Vec<Identity> = tints
        .iter()
        .map(|&tint| {
            let forms: Vec<Form> = Form::ALL.into_iter().filter(|other| *other != form && has(*other, tint)).collect();
            Identity { form: dice.pick(&forms), tint }
        })
        .collect();
    let counted = |count: usize| {
        let one = |(index, other): (usize, &Identity)| {
            if index < count { Identity { form, tint: other.tint } } else { *other }
        };
        others.iter().enumerate().map(one).collect()
    };
    (0..=others.len()).map(counted).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::identity::HELD_OUT;
    use super::*;
    use crate::dataset::scenes::Purpose;

    #[test]
    fn colours_never_come_twice_and_the_wall_holds() {
        for index in 0..200 {
            let dice = &mut Dice::new(Purpose::Rooms, 1, index);
            for split in [Split::Training, Split::HeldOut] {
                let drawn = draw(dice, 5, split).unwrap();
                assert_eq!(drawn.iter().map(|identity| identity.tint).collect::<HashSet<_>>().len(), 5);
                assert!(drawn.iter().all(|identity| HELD_OUT.contains(identity) == (split == Split::HeldOut)));
            }
            for (count, drawn) in draw_counted(dice, 5, Form::Ball).iter().enumerate() {
                assert_eq!(drawn.iter().filter(|identity| identity.form == Form::Ball).count(), count);
                assert!(drawn.len() == 5 && !drawn.iter().any(|identity| HELD_OUT.contains(identity)));
            }
            assert_eq!(draw(dice, 7, Split::HeldOut), None);
        }
    }
}
