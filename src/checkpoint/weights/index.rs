//! Shards: several files, and an index that says which of them has which tensor.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use super::{Kind, Weights};
use crate::error::{Error, Result};

impl Weights {
    pub(super) fn open_index(kind: Kind, dir: &Path, path: PathBuf) -> Result<Self> {
        #[derive(Deserialize)]
        struct Index {
            weight_map: BTreeMap<String, String>,
        }
        let json = fs::read(&path).map_err(Error::io(&path))?;
        let Index { weight_map } = serde_json::from_slice(&json).map_err(Error::json(&path))?;
        let mut shards = BTreeMap::<&str, Vec<&str>>::new();
        for (tensor, shard) in &weight_map {
            if !is_plain_file_name(shard) {
                let reason = format!("weight_map: tensor {tensor:?}: {shard:?} is not a plain file name");
                return Err(Error::weights(path, reason));
            }
            shards.entry(shard).or_default().push(tensor);
        }
        let mut weights = Self::empty(&path);
        for (shard, tensors) in shards {
            let shard_path = dir.join(shard);
            let of_shard = |name: &str| weight_map.get(name).is_some_and(|of| of == shard);
            weights.add_file(kind, &shard_path, of_shard)?;
            if let Some(missing) = tensors.into_iter().find(|name| !weights.by_name.contains_key(*name)) {
                let index = path.file_name().unwrap_or_default().display();
                let reason = format!("tensor {missing:?} is missing, though {index} says that it is here");
                return Err(Error::weights(shard_path, reason));
            }
        }
        Ok(weights)
    }
}

/// Whether joining `name` to a directory stays in that directory, on every system.
fn is_plain_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
        && !name.contains(['/', '\\', ':'])
}
