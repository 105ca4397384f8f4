//! Where a model computes.

use burn::tensor::Device;

use crate::error::Result;

/// `--device cpu|gpu`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// Burn's `flex` backend, pure Rust.
    #[default]
    Cpu,
    /// Burn's `wgpu` backend, in a build with the `gpu` feature.
    Gpu,
}

impl Compute {
    /// The device, if this build has it.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Gpu => gpu(),
        }
    }
}

#[cfg(feature = "gpu")]
fn gpu() -> Result<Device> {
    let device = Device::new(burn_wgpu::WgpuDevice::default());
    // The runtime starts with the first tensor, and panics where there is no adapter.
    let first = std::panic::catch_unwind(|| burn::tensor::Tensor::<1>::zeros([1], &device).into_data());
    first.map(|_| device.clone()).map_err(|_| {
        crate::error::Error::usage("no GPU that Vulkan, Metal or DirectX 12 can use was found")
            .with_help("install the driver's Vulkan library, or compute with `--device cpu`")
    })
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Result<Device> {
    Err(crate::error::Error::usage("this build computes on the CPU only")
        .with_help("build with `cargo build --release --features gpu`"))
}
