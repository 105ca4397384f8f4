//! Counterparts that change what a scene shows, with the question and the right answer that belong to them.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::identity::{HELD_OUT, Identity, Split};
use super::rows::Flavour;
use super::scene::{Entity, Scene};
use super::{Shape, question};
use crate::dataset::{Axis, Counterpart, Item, Relation};
use crate::stats::seed::rng;

/// The item and the scene of such a counterpart; None where this item has none. An item's objects keep their order: the
/// first is still the same thing, wherever it now stands, and where it is gone it has no box.
pub(super) fn changed(item: &Item, scene: &Scene, counterpart: Counterpart, seed: u64) -> Option<(Item, Scene)> {
    // Which entity each of the item's objects is.
    let entity_of = |name: &str| scene.entities.iter().position(|entity| entity.identity.to_string() == name);
    let order: Vec<usize> = item.objects.iter().map(|object| entity_of(&object.name)).collect::<Option<_>>()?;
    match counterpart {
        Counterpart::Mirrored => answered(item, scene.mirrored(item.axis()), &order),
        Counterpart::Swapped => {
            let axis = item.axis();
            let ends = ends(scene, axis)?;
            answered(item, scene.swapped(ends[0], ends[1])?, &order)
        }
        Counterpart::Recoloured | Counterpart::Resampled => {
            let rng = &mut rng(seed, &format!("{counterpart} for {}", item.image), 0);
            let changed = renamed(item, scene, &order, counterpart, rng)?;
            answered(&changed.0, changed.1, &order)
        }
        Counterpart::Isolated(k) => alone(item, *order.get(k.checked_sub(1)?)?, k, |entity| scene.isolated(entity)),
        Counterpart::Centred(k) => alone(item, *order.get(k.checked_sub(1)?)?, k, |entity| scene.centred(entity)),
        Counterpart::Original | Counterpart::Blank | Counterpart::Noise | Counterpart::Shifted(_) => None,
    }
}

/// The two entities farthest apart along an axis.
fn ends(scene: &Scene, axis: Axis) -> Option<[usize; 2]> {
    let mut order: Vec<usize> = (0..scene.entities.len()).collect();
    order.sort_by_key(|&k| along(&scene.entities[k], axis));
    match order.as_slice() {
        [first, .., last] => Some([*first, *last]),
        _ => None,
    }
}

fn along(entity: &Entity, axis: Axis) -> i32 {
    match axis {
        Axis::Horizontal => entity.centre.x,
        Axis::Vertical => entity.centre.y,
    }
}

/// One object alone: the others have no box any more.
fn alone(item: &Item, entity: usize, k: usize, scene: impl Fn(usize) -> Option<Scene>) -> Option<(Item, Scene)> {
    let scene = scene(entity)?;
    let mut item = item.clone();
    for (index, object) in item.objects.iter_mut().enumerate() {
        let boxes = scene.entities.iter().map(Entity::pixel_box);
        object.boxes = if index + 1 == k { boxes.collect() } else { Vec::new() };
    }
    Some((item, scene))
}

/// The item as it is of this scene: boxes, and the right answer. `order` says which entity each object is.
fn answered(item: &Item, scene: Scene, order: &[usize]) -> Option<(Item, Scene)> {
    let mut item = item.clone();
    for (object, &entity) in item.objects.iter_mut().zip(order) {
        object.name = scene.entities[entity].identity.to_string();
        object.boxes = vec![scene.entities[entity].pixel_box()];
    }
    let entity = |object: usize| order.get(object).map(|&entity| &scene.entities[entity]);
    let (first, second) = (entity(0)?, entity(1)?);
    let asked = item.relation.as_deref().and_then(Relation::named)?;
    let [towards_less, towards_more] = asked.axis().relations();
    let kind = Asked::of(&item);
    if kind != Asked::Neighbour {
        let less = along(first, asked.axis()) < along(second, asked.axis());
        let relation = if less { towards_less } else { towards_more };
        item.relation = Some(relation.word().to_owned());
    }
    let answer = match kind {
        Asked::Relation => item.relation.as_deref()?,
        Asked::Colour => first.identity.colour.word(),
        Asked::Neighbour => {
            // The nearest on the asked side of the reference, which is the second object.
            let side = |other: &&Entity| {
                let apart = along(other, asked.axis()) - along(second, asked.axis());
                if asked == towards_less { apart < 0 } else { apart > 0 }
            };
            let apart = |other: &&Entity| (along(other, asked.axis()) - along(second, asked.axis())).abs();
            scene.entities.iter().filter(side).min_by_key(apart)?.identity.colour.word()
        }
    };
    item.gold = item.options.iter().position(|option| option == answer)?;
    Some((item, scene))
}

/// What an item's question is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Pairs: where the first object is.
    Relation,
    /// Pairs: the colour of the first object, by its shape.
    Colour,
    /// Rows: the colour of what is next to the second object.
    Neighbour,
}

impl Asked {
    fn of(item: &Item) -> Self {
        match item.objects.len() {
            _ if item.options.iter().all(|option| Relation::named(option).is_some()) => Self::Relation,
            0..=2 => Self::Colour,
            _ => Self::Neighbour,
        }
    }
}

/// The scene with other identities, all different from those that were there, from the same side of the wall between
/// training and test; and the question about them.
fn renamed(
    item: &Item,
    scene: &Scene,
    order: &[usize],
    counterpart: Counterpart,
    rng: &mut ChaCha8Rng,
) -> Option<(Item, Scene)> {
    let kind = Asked::of(item);
    let rows = kind == Asked::Neighbour;
    let reference = order.get(1).copied().filter(|_| rows && counterpart == Counterpart::Recoloured);
    // Two squares of a pair may become anything; rows of squares stay squares.
    let squares = rows && scene.entities.iter().all(|entity| entity.identity.shape == Shape::Square);
    let old: Vec<Identity> = scene.entities.iter().map(|entity| entity.identity).collect();
    let mut renamed = scene.clone();
    for k in (0..old.len()).filter(|k| Some(*k) != reference) {
        let rest: Vec<Identity> = (0..old.len()).filter(|j| *j != k).map(|j| renamed.entities[j].identity).collect();
        let (was, taken) = (old[k], renamed.entities.iter().map(|entity| entity.identity).collect::<Vec<_>>());
        let side = if HELD_OUT.contains(&was) { Split::HeldOut } else { Split::Training };
        let keeps_shape = squares || counterpart == Counterpart::Recoloured;
        let fits = |other: &Identity| {
            let shape = if keeps_shape { other.shape == was.shape } else { other.shape != was.shape };
            // In rows the colours alone are told apart, so none comes twice, old ones included.
            let free = |known: &Identity| if rows { known.colour != other.colour } else { known != other };
            // A shape that both have would not say whose colour is asked.
            let told = |known: &Identity| kind != Asked::Colour || known.shape != other.shape;
            shape
                && other.colour != was.colour
                && old.iter().all(free)
                && taken.iter().all(free)
                && rest.iter().all(told)
        };
        let pool: Vec<Identity> = side.identities().into_iter().filter(fits).collect();
        if pool.is_empty() {
            return None;
        }
        renamed.entities[k].identity = pool[rng.random_range(0..pool.len())];
    }
    let mut item = item.clone();
    let identity = |object: usize| order.get(object).map(|&entity| renamed.entities[entity].identity);
    let asked = item.relation.as_deref().and_then(Relation::named)?;
    item.question = match (kind, squares) {
        (Asked::Relation, _) => question::relation(identity(0)?, identity(1)?),
        (Asked::Colour, _) => question::colour_of(identity(0)?.shape),
        (Asked::Neighbour, true) => question::neighbour(Flavour::Squares, asked, identity(1)?),
        (Asked::Neighbour, false) => question::neighbour(Flavour::Shapes, asked, identity(1)?),
    };
    Some((item, renamed))
}

#[cfg(test)]
mod tests {
    use crate::dataset::{Counterpart, Item, open};

    fn of(source: &str, item: usize, name: &str) -> (Item, Item) {
        let dataset = open(source).unwrap();
        let item = dataset.items()[item].clone();
        let counterpart = Counterpart::try_from(name.to_string()).unwrap();
        let changed = dataset.counterpart(&item, counterpart, 1).unwrap().unwrap().0;
        (item, changed)
    }

    fn answer(item: &Item) -> &str {
        &item.options[item.gold]
    }

    fn colour(item: &Item, object: usize) -> &str {
        item.objects[object].name.split(' ').next().unwrap()
    }

    #[test]
    fn exchanged_ends_give_the_other_end_s_colour_and_the_opposite_relation() {
        for name in ["swapped", "mirrored"] {
            for k in 0..8 {
                let (item, changed) = of("scenes/rows", k, name);
                assert_eq!((answer(&item), answer(&changed)), (colour(&item, 0), colour(&item, 2)), "{name}");
                assert_eq!(item.question, changed.question);
                assert_eq!(item.objects[0].name, changed.objects[0].name);
                assert_ne!(item.objects[0].boxes, changed.objects[0].boxes);
                let (item, changed) = of("scenes/pairs", k, name);
                let opposite = [("left", "right"), ("right", "left"), ("above", "below"), ("below", "above")];
                assert!(opposite.contains(&(answer(&item), answer(&changed))), "{name}");
                assert_eq!(changed.relation.as_deref(), Some(answer(&changed)));
            }
        }
        let (item, changed) = of("scenes/rows", 0, "swapped");
        assert_eq!(
            (&item.objects[0].boxes, &item.objects[1].boxes),
            (&changed.objects[2].boxes, &changed.objects[1].boxes)
        );
    }

    #[test]
    fn other_colours_keep_places_and_what_rows_refer_to() {
        for k in 0..40 {
            let (item, changed) = of("scenes/rows", 6 * k, "recoloured");
            assert_eq!((&item.question, &item.objects[1]), (&changed.question, &changed.objects[1]));
            let was: Vec<&str> = (0..3).map(|object| colour(&item, object)).collect();
            assert!([0, 2].iter().all(|&object| !was.contains(&colour(&changed, object))));
            assert_ne!(colour(&changed, 0), colour(&changed, 2));
            assert_eq!(answer(&changed), colour(&changed, 0));
            let (item, changed) = of("scenes/rows", 6 * k, "resampled");
            assert!(item.question != changed.question && changed.question.contains(&changed.objects[1].name));
            assert_eq!(item.objects[2].boxes, changed.objects[2].boxes);
            let (item, changed) = of("scenes/pairs", 8 * k, "resampled");
            assert_eq!((answer(&item), item.objects[0].name == changed.objects[0].name), (answer(&changed), false));
        }
    }

    #[test]
    fn colours_are_asked_of_the_images_of_pairs() {
        let [pairs, colours] = ["scenes/pairs", "scenes/colours"].map(|name| open(name).unwrap());
        let of_image = |image: &str| pairs.items().iter().find(|item| item.image == image).unwrap();
        assert_eq!(colours.items().len(), 536);
        for item in colours.items() {
            let [first, second] = [0, 1].map(|object| &item.objects[object].name);
            let shape = first.split_once(' ').unwrap().1;
            assert_eq!((&item.question, answer(item)), (&format!("What colour is the {shape}?"), colour(item, 0)));
            assert!(!second.ends_with(shape) && of_image(&item.image).objects == item.objects, "{}", item.id);
        }
        let item = &colours.items()[0];
        assert_eq!(colours.image(item).unwrap(), pairs.image(of_image(&item.image)).unwrap());
        // What moves things leaves a question about identity alone; other identities are asked about anew.
        for name in ["swapped", "mirrored"] {
            let (item, changed) = of("scenes/colours", 0, name);
            assert_eq!((&changed.question, changed.gold), (&item.question, item.gold));
            assert!(changed.objects[0].boxes != item.objects[0].boxes && changed.relation != item.relation);
        }
        for k in 0..20 {
            for name in ["recoloured", "resampled"] {
                let (item, changed) = of("scenes/colours", 12 * k, name);
                assert_eq!(answer(&changed), colour(&changed, 0));
                assert!(item.gold != changed.gold && item.objects[0].boxes == changed.objects[0].boxes);
                let shapes = [0, 1].map(|object| changed.objects[object].name.split_once(' ').unwrap().1.to_owned());
                assert!(shapes[0] != shapes[1] && changed.question.contains(&shapes[0]), "{}", changed.question);
            }
        }
    }

    #[test]
    fn one_alone_keeps_its_number() {
        let (item, changed) = of("scenes/rows", 0, "isolated_3");
        assert_eq!(changed.objects[2], item.objects[2]);
        assert!(changed.objects[0].boxes.is_empty() && changed.objects[1].boxes.is_empty());
        let (_, centred) = of("scenes/rows", 0, "centred_1");
        assert_eq!(centred.objects[0].centre(), Some([64.0, 64.0]));
        let dataset = open("scenes/rows").unwrap();
        let none = Counterpart::Centred(4);
        assert!(!dataset.has(&dataset.items()[0], none));
    }
}
