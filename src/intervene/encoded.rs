//! The encoder's part of a batch: each image once, whoever shows it.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::Tensor;

use super::batch::{Batch, Kept};
use super::design::{Need, Places};
use super::keep::{Keep, Wanted, select};
use super::region::is_image_only;
use super::unit::{Prompt, Role};
use crate::error::{Error, Result};
use crate::model::{Inputs, Site, VisionLanguage};
use crate::processor::Prepared;

/// The encoder's part of every run of a batch.
pub struct Encoded {
    /// Of each role and unit: which image.
    of: HashMap<Role, Vec<usize>>,
    /// `[images, patches, width]`.
    visual: Tensor<3>,
    /// Sites of the encoder that were asked for.
    states: HashMap<Site, Tensor<3>>,
    /// The images, batch by batch.
    inputs: Vec<Inputs>,
}

impl Encoded {
    /// Each image once, whoever shows it.
    pub fn new(
        model: &dyn VisionLanguage,
        prompts: &HashMap<Role, Vec<Prompt>>,
        needs: &[Need],
        batch: usize,
    ) -> Result<Self> {
        let mut known: HashMap<blake3::Hash, usize> = HashMap::new();
        let mut unique: Vec<&Prepared> = Vec::new();
        let mut of = HashMap::new();
        let mut roles: Vec<&Role> = prompts.keys().collect();
        roles.sort_unstable();
        for role in roles {
            let images = prompts[role].iter().map(|prompt| {
                let bytes: Vec<u8> = prompt.prepared.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
                *known.entry(blake3::hash(&bytes)).or_insert_with(|| {
                    unique.push(&prompt.prepared);
                    unique.len() - 1
                })
            });
            of.insert(*role, images.collect());
        }
        let mut sites: Vec<Site> = needs.iter().flat_map(|need| need.sites.iter().copied()).collect();
        sites.retain(|site| is_image_only(*site) && *site != Site::ProjectorOut);
        sites.sort_unstable();
        sites.dedup();
        let (mut visual, mut states, mut all) = (Vec::new(), HashMap::<Site, Vec<Tensor<3>>>::new(), Vec::new());
        for chunk in unique.chunks(batch.max(1)) {
            let inputs = Inputs::collate(chunk, &model.device())?;
            let mut keep = Keep::new(sites.iter().map(|site| (*site, Wanted::All)).collect());
            visual.push(model.encode(&inputs, &mut keep.hooks())?);
            keep.states.into_iter().for_each(|(site, state)| states.entry(site).or_default().push(state));
            all.push(inputs);
        }
        let states = states.into_iter().map(|(site, parts)| (site, Tensor::cat(parts, 0))).collect();
        Ok(Self { of, visual: Tensor::cat(visual, 0), states, inputs: all })
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.visual.dims()[0]
    }

    /// What the projector makes of a role's images, `[units, patches, width]`.
    pub fn visual(&self, role: Role) -> Result<Tensor<3>> {
        Ok(select(&self.visual, self.images_of(role)?))
    }

    fn images_of(&self, role: Role) -> Result<&[usize]> {
        let images = self.of.get(&role).map(Vec::as_slice);
        images.ok_or_else(|| Error::data(format!("no unit has a run {role:?}")))
    }

    /// What a need keeps of an image-only site.
    pub fn kept(&self, site: Site, need: &Need, batch: &Batch<'_>) -> Result<Kept> {
        let all = if site == Site::ProjectorOut { Some(&self.visual) } else { self.states.get(&site) };
        let images = self.of.get(&need.role);
        let (Some(all), Some(images)) = (all, images) else {
            return Err(Error::data(format!("no run {:?} to keep `{site}` of", need.role)));
        };
        Ok(wanted(site, need, batch)?.keep(select(all, images)))
    }

    /// The clean runs' states at these slots of the encoder, by slot.
    pub fn slots(&self, model: &dyn VisionLanguage, slots: &[usize]) -> Result<BTreeMap<usize, Tensor<3>>> {
        let sites: Vec<Site> = slots.iter().map(|slot| Site::VisionResid(*slot)).collect();
        Ok(slots.iter().copied().zip(self.at(model, &sites)?).collect())
    }

    /// What the clean runs' encoders each add to the image tokens: `connector.2d`, `connector.3d`.
    pub fn addends(&self, model: &dyn VisionLanguage) -> Result<[Tensor<3>; 2]> {
        let states = self.at(model, &[Site::Connector2d, Site::Connector3d])?;
        <[Tensor<3>; 2]>::try_from(states).map_err(|_| Error::data("a site was not kept"))
    }

    /// The clean runs' states at these sites of the encoder.
    fn at(&self, model: &dyn VisionLanguage, sites: &[Site]) -> Result<Vec<Tensor<3>>> {
        let mut parts: HashMap<Site, Vec<Tensor<3>>> = HashMap::new();
        for inputs in &self.inputs {
            let mut keep = Keep::new(sites.iter().map(|site| (*site, Wanted::All)).collect());
            model.encode(inputs, &mut keep.hooks())?;
            keep.states.into_iter().for_each(|(site, state)| parts.entry(site).or_default().push(state));
        }
        let images = self.images_of(Role::Clean)?;
        let mut state = |site: &Site| select(&Tensor::cat(parts.remove(site).unwrap_or_default(), 0), images);
        Ok(sites.iter().map(&mut state).collect())
    }
}

/// The positions of a need at a site, over all units of the batch.
pub fn wanted(site: Site, need: &Need, batch: &Batch<'_>) -> Result<Wanted> {
    let Places::Of(places) = &need.places else { return Ok(Wanted::All) };
    let prompts = batch.prompts.get(&need.role).map_or(&[][..], Vec::as_slice);
    let mut positions: Vec<usize> = prompts.iter().flat_map(|prompt| places(prompt, site)).collect();
    positions.sort_unstable();
    positions.dedup();
    Ok(Wanted::At(positions))
}
