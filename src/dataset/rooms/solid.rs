//! Things on the floor, and where rays meet them.

use super::identity::{Form, Identity};
use super::layout::distance;
use super::vector::{Vec3, on_circle};

/// A thing that stands on the floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solid {
    pub identity: Identity,
    /// Of its footprint: metres to the east and to the north of the room's middle.
    pub at: [f64; 2],
    /// Metres; a ball's radius, and that of a circle around the footprint of the others, which are about as bulky.
    pub size: f64,
    /// Of a box: turned by so many degrees.
    pub yaw: f64,
}

/// Where a ray meets a surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Meeting {
    /// In units of the ray's direction.
    pub distance: f64,
    /// Outward, of length 1.
    pub normal: Vec3,
    /// Which face, of those that an edge divides.
    pub face: u16,
}

/// Side of a box's footprint and radius of a post, as shares of the size.
const HALF_BOX: f64 = 0.78;
const POST: f64 = 0.48;
const POST_HEIGHT: f64 = 2.8;

impl Solid {
    pub fn height(&self) -> f64 {
        match self.identity.form {
            Form::Box => 2.0 * HALF_BOX * self.size,
            Form::Ball => 2.0 * self.size,
            Form::Post => POST_HEIGHT * self.size,
        }
    }

    /// Metres on the floor from where a camera is to the thing's middle.
    pub fn away(&self, eye: Vec3) -> f64 {
        distance(self.at, [eye.x, eye.y])
    }

    /// A ball that contains it: centre and radius.
    pub(super) fn around(&self) -> (Vec3, f64) {
        let half = self.height() / 2.0;
        let foot = match self.identity.form {
            Form::Box => 1.415 * HALF_BOX * self.size,
            Form::Ball => 0.0,
            Form::Post => POST * self.size,
        };
        (Vec3::new(self.at[0], self.at[1], half), (half * half + foot * foot).sqrt())
    }

    /// As rays from `eye` may meet it.
    pub(super) fn before(&self, eye: Vec3) -> Body {
        Body {
            form: self.identity.form,
            size: self.size,
            from: eye - Vec3::new(self.at[0], self.at[1], 0.0),
            turned: on_circle(self.yaw),
        }
    }
}

/// A thing and where a ray begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    form: Form,
    size: f64,
    /// From the middle of the footprint to the ray's beginning.
    from: Vec3,
    /// Cosine and sine of the yaw.
    turned: [f64; 2],
}

impl Body {
    /// The first meeting of a ray from outside.
    pub fn meet(&self, ray: Vec3) -> Option<Meeting> {
        match self.form {
            Form::Ball => meet_ball(self.from, ray, self.size),
            Form::Box => meet_box(self.from, ray, HALF_BOX * self.size, self.turned),
            Form::Post => meet_post(self.from, ray, POST * self.size, POST_HEIGHT * self.size),
        }
    }
}

/// The nearer solution of a t^2 + 2 b t + c = 0, if it lies ahead.
fn nearer(a: f64, b: f64, c: f64) -> Option<f64> {
    let under = b * b - a * c;
    let root = (under > 0.0 && a > 0.0).then(|| (-b - under.sqrt()) / a)?;
    (root > 0.0).then_some(root)
}

fn meet_ball(from: Vec3, ray: Vec3, radius: f64) -> Option<Meeting> {
    let from = from - Vec3::new(0.0, 0.0, radius);
    let distance = nearer(ray.dot(ray), ray.dot(from), from.dot(from) - radius * radius)?;
    Some(Meeting { distance, normal: (from + ray * distance) * (1.0 / radius), face: 0 })
}

fn meet_box(from: Vec3, ray: Vec3, half: f64, [cosine, sine]: [f64; 2]) -> Option<Meeting> {
    let turned = |v: Vec3| [cosine * v.x + sine * v.y, cosine * v.y - sine * v.x, v.z];
    let (from, ray) = (turned(from - Vec3::new(0.0, 0.0, half)), turned(ray));
    let (mut entry, mut exit, mut face) = (0.0, f64::INFINITY, None);
    for axis in 0..3 {
        // A ray along a face gives infinities of the right sign, or leaves the interval empty.
        let (one, other) = ((-half - from[axis]) / ray[axis], (half - from[axis]) / ray[axis]);
        if one.min(other) > entry {
            entry = one.min(other);
            face = Some((axis, one < other));
        }
        exit = exit.min(one.max(other));
    }
    let (axis, low) = face.filter(|_| entry < exit)?;
    let side = if low { -1.0 } else { 1.0 };
    let normal = match axis {
        0 => Vec3::new(cosine * side, sine * side, 0.0),
        1 => Vec3::new(-sine * side, cosine * side, 0.0),
        _ => Vec3::new(0.0, 0.0, side),
    };
    Some(Meeting { distance: entry, normal, face: 2 * axis as u16 + u16::from(low) })
}

fn meet_post(from: Vec3, ray: Vec3, radius: f64, height: f64) -> Option<Meeting> {
    let flat = |v: Vec3| Vec3 { z: 0.0, ..v };
    let (foot, along) = (flat(from), flat(ray));
    let side = nearer(along.dot(along), along.dot(foot), foot.dot(foot) - radius * radius)
        .filter(|t| (0.0..=height).contains(&(from.z + ray.z * t)))
        .map(|distance| Meeting { distance, normal: flat(from + ray * distance) * (1.0 / radius), face: 0 });
    let top = (height - from.z) / ray.z;
    let on_top = top > 0.0 && flat(from + ray * top).dot(flat(from + ray * top)) < radius * radius;
    let top = on_top.then_some(Meeting { distance: top, normal: Vec3::new(0.0, 0.0, 1.0), face: 1 });
    match (side, top) {
        (Some(side), Some(top)) => Some(if side.distance < top.distance { side } else { top }),
        (side, top) => side.or(top),
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity::Tint;
    use super::*;

    fn solid(form: Form) -> Solid {
        Solid { identity: Identity { form, tint: Tint::Red }, at: [1.0, 3.0], size: 0.5, yaw: 0.0 }
    }

    #[test]
    fn rays_meet_where_geometry_says() {
        let (eye, north, down) = (Vec3::new(1.0, 0.0, 0.3), Vec3::new(0.0, 2.0, 0.0), Vec3::new(0.0, 0.0, -1.0));
        let above = Vec3::new(1.0, 3.0, 5.0);
        for (form, front) in [(Form::Box, 3.0 - 0.39), (Form::Post, 3.0 - 0.24)] {
            let solid = solid(form);
            let meeting = solid.before(eye).meet(north).unwrap();
            assert!((meeting.distance * 2.0 - front).abs() < 1e-12, "{form:?}");
            assert!((meeting.normal.y + 1.0).abs() < 1e-12 && meeting.normal.x == 0.0, "{form:?}");
            assert!((solid.before(above).meet(down).unwrap().distance - (5.0 - solid.height())).abs() < 1e-12);
            assert_eq!(solid.before(eye).meet(Vec3::new(0.0, -1.0, 0.0)), None, "{form:?} is behind");
            assert_eq!(solid.before(eye).meet(Vec3::new(1.0, 1.0, 0.0)), None, "{form:?} is missed");
        }
        let meeting = solid(Form::Ball).before(Vec3::new(1.0, 0.0, 0.5)).meet(north).unwrap();
        assert!((meeting.distance * 2.0 - 2.5).abs() < 1e-12 && meeting.normal.y == -1.0);
        // Turned by 45 degrees, an edge comes first.
        let edge = Solid { yaw: 45.0, ..solid(Form::Box) }.before(eye).meet(north).unwrap();
        assert!((edge.distance * 2.0 - (3.0 - 0.39 * 2f64.sqrt())).abs() < 1e-9);
    }

    #[test]
    fn the_ball_around_a_solid_contains_it() {
        for form in Form::ALL {
            let (centre, radius) = solid(form).around();
            for degrees in (0..360).step_by(5).map(f64::from) {
                let [x, y] = on_circle(degrees);
                for z in [0.01, 0.3, 0.7, 1.3] {
                    let eye = Vec3::new(1.0 + 9.0 * x, 3.0 + 9.0 * y, z);
                    let ray = Vec3::new(-x, -y, 0.0);
                    if let Some(meeting) = solid(form).before(eye).meet(ray) {
                        let off = eye + ray * meeting.distance - centre;
                        assert!(off.dot(off).sqrt() <= radius + 1e-9, "{form:?}");
                    }
                }
            }
        }
    }
}
