//! Where a model computes, and in what numbers.

use std::path::Path;

use burn::tensor::{Device, FloatDType};
use bytesize::ByteSize;

use super::{VisionLanguage, families, need};
use crate::error::{Error, Result};

/// `--device` and `--dtype`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Computing {
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: Compute,
    /// In what numbers to compute, where the device can; files may hold any of them.
    #[arg(long, value_enum, default_value_t)]
    pub dtype: Dtype,
    /// Memory that may be used, as 6GiB: weights that do not fit stay in the file, and each block is read when its turn comes
    /// [default: what is available].
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
}

impl Computing {
    /// The device, set to these numbers, if this build has it and it computes in them. The setting holds for the process.
    ///
    /// # Errors
    /// A device that is not there, or does not compute in such numbers.
    pub fn open(self) -> Result<Device> {
        let mut device = self.device.open()?;
        if self.dtype != Dtype::F32 {
            device.configure(self.dtype.of_burn()).map_err(|_| {
                Error::usage(format!("this device does not compute in {}", self.dtype.name()))
                    .with_help("leave `--dtype` out: f32 works everywhere, whatever the file holds")
            })?;
        }
        Ok(device)
    }

    /// A checkpoint folder's model, on the device, its weights in memory or in the file.
    ///
    /// # Errors
    /// As [`open`](Self::open); anything about the folder that does not fit; weights for which there is no room.
    pub fn model(self, folder: &Path) -> Result<Box<dyn VisionLanguage>> {
        let weights = need(folder, self.dtype)?.placed(self.memory)?;
        families::open_as(folder, &self.open()?, weights)
    }

    /// For people: "cpu", "gpu, bf16".
    pub fn name(self) -> String {
        match self.dtype {
            Dtype::F32 => self.device.name().into(),
            dtype => format!("{}, {}", self.device.name(), dtype.name()),
        }
    }
}

/// Floating-point numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Dtype {
    #[default]
    F32,
    Bf16,
    F16,
}

impl Dtype {
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// Of one number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    fn of_burn(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
            Self::F16 => FloatDType::F16,
        }
    }
}

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
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }

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
        Error::usage("no GPU that Vulkan, Metal or DirectX 12 can use was found")
            .with_help("install the driver's Vulkan library, or compute with `--device cpu`")
    })
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Result<Device> {
    Err(Error::usage("this build computes on the CPU only")
        .with_help("build with `cargo build --release --features gpu`"))
}
