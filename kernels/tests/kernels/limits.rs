//! The measured limits of every instruction set are rates, whatever is measured. (That the loops do as many operations as
//! they say is counted by the tests beside them; no rate is held against another here, since the machine may be busy.)

use nimbert_kernels::{Arithmetic, Team};

use crate::common::{tiers, with_team};

#[test]
fn a_limit_is_a_rate() {
    let is_rate = |rate: f64| rate.is_finite() && rate > 0.0;
    for kernels in tiers() {
        for arithmetic in [Arithmetic::F32, Arithmetic::F16, Arithmetic::Int8, Arithmetic::HalfAttention] {
            let rate = kernels.peak(&Team::solo(), arithmetic);
            assert!(is_rate(rate), "{}, {arithmetic:?}: {rate:e} operations a second", kernels.isa());
        }
        let memory = vec![1_u8; 1 << 20];
        let (whole, rest) = memory.split_at(1 << 19);
        let rate = with_team(2, |team| kernels.read_rate(team, &[whole, rest]));
        assert!(is_rate(rate), "{}: {rate:e} bytes a second", kernels.isa());
        assert!(kernels.read_rate(&Team::solo(), &[]) >= 0.0, "nothing to read is no error");
    }
}
