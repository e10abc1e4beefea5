//! The checkpoint that a specification in tests/data/checkpoints describes, as `tools/make_checkpoint.py` writes it.

use crate::{data, families::Family, seeded};
use safetensors::{Dtype, View, serialize_to_file};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::HashMap, fs, io, path::Path};

/// A specification; `tools/make_checkpoint.py --help` explains its keys.
pub struct Spec {
    spec: Value,
    family: Family,
}

impl Spec {
    /// The specification tests/data/checkpoints/`name`.json.
    pub fn read(name: &str) -> Self {
        let text =
            fs::read(data(&format!("checkpoints/{name}.json"))).expect("the specification is committed");
        let spec: Value = serde_json::from_slice(&text).expect("the specification is JSON");
        Self { family: Family::of(&spec["config"]), spec }
    }

    /// Whether there are references of texts, too.
    pub fn has_texts(&self) -> bool {
        self.spec["texts"] == true
    }

    /// The number of config.json that BERT has under this key.
    pub fn size(&self, key: &str) -> usize {
        self.optional(key).expect("a size")
    }

    /// The same, of what a family may be without.
    fn optional(&self, key: &str) -> Option<usize> {
        self.spec["config"][self.family.key(key)].as_u64().map(|size| size as usize)
    }

    /// Writes the directory; returns the SHA-256 of its weights' files, in hex.
    pub fn write(&self, dir: &Path) -> String {
        let save = |name: &str, text: String| fs::write(dir.join(name), text).expect("a writable directory");
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned).into_iter();
        let characters = ('\u{4e00}'..).map(String::from);
        let vocab = special.chain(characters).take(self.size("vocab_size"));
        save("vocab.txt", vocab.map(|token| token + "\n").collect());
        save("config.json", self.spec["config"].to_string());
        let tokenizer = json!({
            "tokenizer_class": "BertTokenizer", "do_lower_case": true, "strip_accents": null,
            "tokenize_chinese_chars": true, "model_max_length": self.size("max_position_embeddings"),
        });
        save("tokenizer_config.json", tokenizer.to_string());
        self.write_weights(dir)
    }

    fn write_weights(&self, dir: &Path) -> String {
        let shards = self.spec["files"]["shards"].as_u64().expect("a number of shards") as usize;
        let tensors = self.tensors();
        let (count, total) =
            (tensors.len(), tensors.iter().map(|(_, tensor)| tensor.data_len()).sum::<usize>());
        let mut files: Vec<(String, Vec<(String, Seeded)>)> = Vec::new();
        for (place, tensor) in tensors.into_iter().enumerate() {
            let file = match shards {
                1 => "model.safetensors".to_owned(),
                _ => format!("model-{:05}-of-{shards:05}.safetensors", place * shards / count + 1),
            };
            match files.last_mut().filter(|(name, _)| *name == file) {
                Some((_, inside)) => inside.push(tensor),
                None => files.push((file, vec![tensor])),
            }
        }
        if shards > 1 {
            let place = |(file, inside): &(String, Vec<_>)| {
                inside
                    .iter()
                    .map(|(name, _): &(String, Seeded)| (name.clone(), json!(file)))
                    .collect::<Vec<_>>()
            };
            let weight_map: serde_json::Map<_, _> = files.iter().flat_map(place).collect();
            let index = json!({"metadata": {"total_size": total}, "weight_map": weight_map});
            fs::write(dir.join("model.safetensors.index.json"), index.to_string())
                .expect("a writable directory");
        }
        let mut digest = Sha256::new();
        for (file, tensors) in files {
            let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
            serialize_to_file(tensors, Some(metadata), &dir.join(&file)).expect("a writable directory");
            io::copy(
                &mut fs::File::open(dir.join(&file)).expect("just written"),
                &mut DigestWriter(&mut digest),
            )
            .expect("readable");
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Every tensor with the name that it has in the file, in the order of these names.
    fn tensors(&self) -> Vec<(String, Seeded)> {
        let files = &self.spec["files"];
        let dtype = match files["dtype"].as_str() {
            Some("f16") => Dtype::F16,
            Some("bf16") => Dtype::BF16,
            _ => Dtype::F32,
        };
        let seed = self.spec["seed"].as_u64().expect("a seed");
        let mut names = self.shapes();
        let positions = self.size("max_position_embeddings");
        if files["position_ids"] == true {
            names.push(("bert.embeddings.position_ids".to_owned(), vec![1, positions]));
        }
        let stored = |(name, shape): (String, Vec<usize>)| {
            let dtype = if name.ends_with("position_ids") { Dtype::I64 } else { dtype };
            let mut stored = self.family.own_name(&name);
            if files["old_norm_names"] == true {
                stored = stored.replace("LayerNorm.weight", "LayerNorm.gamma");
                stored = stored.replace("LayerNorm.bias", "LayerNorm.beta");
            }
            if files["prefix"] == false {
                stored = stored.strip_prefix(self.family.prefix()).unwrap_or(&stored).to_owned();
            }
            (stored, Seeded { seed, name, shape, dtype })
        };
        let mut out: Vec<_> = names.into_iter().map(stored).collect();
        out.sort_by(|a, b| a.0.cmp(&b.0));
        out
    }

    /// BERT's name and the shape of every tensor of the class that the configuration names.
    fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let [hidden, inner] = ["hidden_size", "intermediate_size"].map(|key| self.size(key));
        let mut out = self.head_shapes();
        for (table, rows) in [
            ("word", "vocab_size"),
            ("position", "max_position_embeddings"),
            ("token_type", "type_vocab_size"),
        ] {
            let shape = self.optional(rows).map(|rows| vec![rows, hidden]);
            out.extend(shape.map(|shape| (format!("bert.embeddings.{table}_embeddings.weight"), shape)));
        }
        if let Some(buckets) = self.optional("relative_attention_num_buckets") {
            let shape = vec![buckets, self.size("num_attention_heads")];
            out.push(("bert.encoder.relative_attention_bias.weight".to_owned(), shape));
        }
        let mut norms = vec!["bert.embeddings.LayerNorm".to_owned()];
        let mut linears = Vec::new();
        for layer in (0..self.size("num_hidden_layers")).map(|index| format!("bert.encoder.layer.{index}")) {
            for part in ["self.query", "self.key", "self.value", "output.dense"] {
                linears.push((format!("{layer}.attention.{part}"), hidden, hidden));
            }
            linears.push((format!("{layer}.intermediate.dense"), inner, hidden));
            linears.push((format!("{layer}.output.dense"), hidden, inner));
            norms.extend(["attention.output", "output"].map(|part| format!("{layer}.{part}.LayerNorm")));
        }
        for (name, rows, columns) in linears {
            out.push((format!("{name}.weight"), vec![rows, columns]));
            out.push((format!("{name}.bias"), vec![rows]));
        }
        for name in norms {
            out.extend(["weight", "bias"].map(|part| (format!("{name}.{part}"), vec![hidden])));
        }
        out
    }

    /// The same of what comes after the encoder.
    fn head_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let config = &self.spec["config"];
        let [hidden, words] = ["hidden_size", "vocab_size"].map(|key| self.size(key));
        let labels = config["id2label"].as_object().map_or(0, serde_json::Map::len);
        let named = config["architectures"][0].as_str().expect("a class");
        let kind = named.find("For").map_or(named, |at| &named[at..]);
        let linears = match kind {
            "ForSequenceClassification" => vec![("bert.pooler.dense", hidden), ("classifier", labels)],
            "ForTokenClassification" => vec![("classifier", labels)],
            "ForQuestionAnswering" => vec![("qa_outputs", 2)],
            "ForMaskedLM" => vec![("cls.predictions.transform.dense", hidden)],
            _ => panic!("{named} is no class that is written"),
        };
        let mut out = Vec::new();
        for (name, rows) in linears {
            out.push((format!("{name}.weight"), vec![rows, hidden]));
            out.push((format!("{name}.bias"), vec![rows]));
        }
        if kind == "ForMaskedLM" {
            let norm = ["weight", "bias"].map(|part| format!("cls.predictions.transform.LayerNorm.{part}"));
            out.extend(norm.map(|name| (name, vec![hidden])));
            out.push(("cls.predictions.bias".to_owned(), vec![words]));
            if config["tie_word_embeddings"] == false {
                out.push(("cls.predictions.decoder.weight".to_owned(), vec![words, hidden]));
            }
        }
        out
    }
}

/// A tensor whose values are made when they are written, so that a large checkpoint is never in memory.
struct Seeded {
    seed: u64,
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl View for Seeded {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if self.dtype == Dtype::I64 {
            return Cow::Owned((0..self.shape[1] as i64).flat_map(i64::to_le_bytes).collect());
        }
        let values = seeded::tensor(self.seed, &self.name, &self.shape);
        Cow::Owned(match self.dtype {
            Dtype::F16 => values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect(),
            Dtype::BF16 => {
                values.iter().flat_map(|&value| half::bf16::from_f32(value).to_le_bytes()).collect()
            }
            _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        })
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

/// Lets `io::copy` feed a digest.
struct DigestWriter<'a>(&'a mut Sha256);

impl io::Write for DigestWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
