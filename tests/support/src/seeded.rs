//! Weights from a seed, the same bits as `tools/seeded.py` makes.
//!
//! The value at an index of a tensor depends on the seed, the tensor's name and the index alone: a counter goes through
//! SplitMix64's mixer, the four 16-bit quarters of the result are added up (an integer close to a normal distribution),
//! and one multiplication and one addition of `f32` numbers follow. Nothing in that rounds differently in two languages.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// The standard deviation of the sum of four uniform 16-bit integers, and its mean.
const SIGMA: f64 = 37837.2;
const MEAN: i32 = 131_070;

/// What a matrix multiplies the spread of its input by, by the part of its name; 1 where no part is found.
/// `tools/README.md` says what they are for.
const GAINS: [(&str, f64); 8] = [
    ("self.query", 1.75),
    ("self.key", 1.75),
    ("attention.output", 0.5),
    ("intermediate", 1.5),
    ("classifier", 3.0),
    ("qa_outputs", 3.0),
    ("transform", 1.5),
    ("decoder", 3.0),
];

/// SplitMix64's output function.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The 64-bit FNV-1a hash of a name.
fn fnv1a(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The endless stream of words that belongs to this seed and name.
pub fn stream(seed: u64, name: &str) -> impl Iterator<Item = u64> + use<> {
    let key = mix(fnv1a(name).wrapping_add(seed.wrapping_mul(GOLDEN)));
    (1u64..).map(move |place| mix(key.wrapping_add(place.wrapping_mul(GOLDEN))))
}

/// (mean, standard deviation) of a tensor's values.
fn spread(name: &str, shape: &[usize]) -> (f32, f64) {
    if name.ends_with("LayerNorm.weight") {
        (1.0, 0.1)
    } else if name.ends_with(".bias") {
        (0.0, 0.02)
    } else if name.contains(".embeddings.") {
        (0.0, 0.05)
    } else {
        let gain = GAINS.iter().find(|(part, _)| name.contains(part)).map_or(1.0, |&(_, gain)| gain);
        (0.0, gain / (shape[shape.len() - 1] as f64).sqrt())
    }
}

/// The values of one tensor, by its modern name with the `bert.` prefix.
pub fn tensor(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let (mean, std) = spread(name, shape);
    let scale = (std / SIGMA) as f32;
    let value = |bits: u64| {
        let total: i32 = [0, 16, 32, 48].iter().map(|shift| ((bits >> shift) & 0xffff) as i32).sum();
        (total - MEAN) as f32 * scale + mean
    };
    stream(seed, name).take(shape.iter().product()).map(value).collect()
}
