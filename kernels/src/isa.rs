//! Which instructions the kernels may use: detected once, forced by name where a test or a user asks for it.

use std::{fmt, str::FromStr};

/// An instruction set tier. Of one processor family, later ones include what earlier ones can.
///
/// Answers of two tiers agree within rounding, not bit for bit: each has its own order of float additions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Whatever the compiler's target offers, through the `wide` crate.
    Portable,
    /// AVX2, FMA and F16C: 256-bit floats, int8 widened to 16 bits.
    Avx2,
    /// [`Isa::Avx2`] with the 256-bit int8 dot product of AVX-VNNI.
    AvxVnni,
    /// AVX-512 F, BW, VL and DQ.
    Avx512,
    /// [`Isa::Avx512`] with the int8 dot product.
    Avx512Vnni,
    /// [`Isa::Avx512Vnni`] with arithmetic on half-precision floats.
    Avx512Fp16,
    /// [`Isa::Avx512Fp16`] with AMX, where the system lets a process have it: products of int8 matrices, and attention of int8
    /// models in bfloat16.
    Avx512Amx,
    /// NEON, which every aarch64 has: 128-bit floats, int8 by products of 16 bits.
    Neon,
    /// [`Isa::Neon`] with the int8 dot product of `FEAT_DotProd`.
    NeonDotprod,
    /// [`Isa::NeonDotprod`] with arithmetic on half-precision floats, `FEAT_FP16`.
    NeonFp16,
    /// [`Isa::NeonFp16`] with the products of int8 matrices of `FEAT_I8MM`.
    NeonI8mm,
}

impl Isa {
    pub(crate) const ALL: [Self; 11] = [
        Self::Portable,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512,
        Self::Avx512Vnni,
        Self::Avx512Fp16,
        Self::Avx512Amx,
        Self::Neon,
        Self::NeonDotprod,
        Self::NeonFp16,
        Self::NeonI8mm,
    ];

    /// The best tier of this machine.
    pub fn detect() -> Self {
        *Self::available().last().expect("the portable tier is everywhere")
    }

    /// Every tier that this machine can run, from the slowest.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// Whether this machine can run the tier.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq");
            let vnni = avx512 && is_x86_feature_detected!("avx512vnni");
            let fp16 = vnni && is_x86_feature_detected!("avx512fp16");
            match self {
                Self::Portable => true,
                Self::Avx2 => avx2,
                Self::AvxVnni => avx2 && is_x86_feature_detected!("avxvnni"),
                Self::Avx512 => avx512,
                Self::Avx512Vnni => vnni,
                Self::Avx512Fp16 => fp16,
                Self::Avx512Amx => {
                    fp16 && is_x86_feature_detected!("avx512bf16") && crate::arch::amx_is_permitted()
                }
                _ => false,
            }
        }
        // What the system tells, by its hardware capabilities: what it hides cannot be used, whatever the processor has.
        #[cfg(target_arch = "aarch64")]
        {
            use std::arch::is_aarch64_feature_detected;
            let dotprod = is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("dotprod");
            let fp16 = dotprod && is_aarch64_feature_detected!("fp16");
            match self {
                Self::Portable => true,
                Self::Neon => is_aarch64_feature_detected!("neon"),
                Self::NeonDotprod => dotprod,
                Self::NeonFp16 => fp16,
                Self::NeonI8mm => fp16 && is_aarch64_feature_detected!("i8mm"),
                _ => false,
            }
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            self == Self::Portable
        }
    }

    /// The name that [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Avx512Fp16 => "avx512-fp16",
            Self::Avx512Amx => "avx512-amx",
            Self::Neon => "neon",
            Self::NeonDotprod => "neon-dotprod",
            Self::NeonFp16 => "neon-fp16",
            Self::NeonI8mm => "neon-i8mm",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No instruction set tier has this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownIsa(String);

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown instruction set {:?}, expected one of", self.0)?;
        Isa::ALL.iter().try_for_each(|isa| write!(f, " {isa}"))
    }
}

impl std::error::Error for UnknownIsa {}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, UnknownIsa> {
        Self::ALL.into_iter().find(|isa| isa.name() == name).ok_or_else(|| UnknownIsa(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_refused() {
        for isa in Isa::ALL {
            assert_eq!(isa.name().parse(), Ok(isa));
        }
        let error = "sse9".parse::<Isa>().unwrap_err().to_string();
        assert!(error.contains("sse9") && error.contains("avx512-fp16"), "{error}");
    }

    #[test]
    fn the_detected_tier_is_available_and_portable_always_is() {
        assert!(Isa::detect().is_available() && Isa::Portable.is_available());
    }
}
