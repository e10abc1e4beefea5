//! What attention adds to scores by the distance from query to key: a few numbers, learnt for buckets of distances (Raffel et al.,
//! 2019, whose buckets these are), the same in all layers.

use nimbert_kernels::DistanceBias;

use crate::{
    checkpoint::source::Source,
    error::Result,
    memory,
    plan::{Relative, Table},
};

/// For texts of at most `reach` tokens.
pub(super) fn load(source: Source<'_>, plan: &Relative, reach: usize) -> Result<DistanceBias> {
    let Relative { table: Table { columns: heads, .. }, buckets, max_distance } = plan;
    let table = source.table(&plan.table)?;
    let mut values = memory::zeros(buckets * heads)?;
    for (bucket, row) in values.chunks_exact_mut(*heads).enumerate() {
        table.read(bucket, row);
    }
    let value = |head, distance| values[bucket(distance, *buckets, *max_distance) * heads + head];
    DistanceBias::new(*heads, reach, value).map_err(memory::refused::<f32>(heads * 2 * reach))
}

/// Half of the buckets are for keys after the query. Of these, one half is for a distance each, and the other for ranges
/// that grow as powers do, up to `max_distance`.
fn bucket(distance: isize, buckets: usize, max_distance: usize) -> usize {
    let (side, apart) = (if distance > 0 { buckets / 2 } else { 0 }, distance.unsigned_abs());
    let exact = buckets / 4;
    if apart < exact {
        return side + apart;
    }
    let [apart, first, last] = [apart, exact, max_distance].map(|distance| distance as f32);
    let ranges = buckets / 2 - exact;
    let range = ((apart / first).ln() / (last / first).ln() * ranges as f32) as usize;
    side + exact + range.min(ranges - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `relative_position_bucket` of transformers gives for keys before the query: where each bucket begins.
    #[test]
    fn buckets_begin_where_the_reference_has_them() {
        let first = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];
        for apart in 0..2_000_usize {
            let expected = first.iter().rposition(|&first| first <= apart).unwrap();
            assert_eq!(bucket(-apart.cast_signed(), 32, 128), expected, "{apart} before");
            let after = if apart == 0 { 0 } else { expected + 16 };
            assert_eq!(bucket(apart.cast_signed(), 32, 128), after, "{apart} after");
        }
    }
}
