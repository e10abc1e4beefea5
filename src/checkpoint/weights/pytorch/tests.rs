//! Files that `torch.save` wrote (tests/data/pytorch, made by tools/make_pytorch_files.py), and files that it never would.

mod wrapped;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use safetensors::SafeTensors;

use super::{Found, Place};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pytorch")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(data().join(name)).unwrap()
}

fn parse(file: &[u8]) -> Result<Vec<Found>, String> {
    super::parse(file, Path::new("a dir/pytorch_model.bin"))
}

#[track_caller]
fn refused(file: &[u8], words: &[&str]) {
    let error = parse(file).unwrap_err();
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error:?}");
    }
}

#[test]
fn every_tensor_is_the_one_that_torch_saved() {
    for name in ["plain", "views", "types", "module", "parameters", "protocol-4"] {
        let (file, expected) = (read(&format!("{name}.bin")), read(&format!("{name}.safetensors")));
        let expected = SafeTensors::deserialize(&expected).unwrap();
        let found = parse(&file).unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        for tensor in &found {
            let theirs = expected.tensor(&tensor.name).unwrap();
            assert_eq!(
                (tensor.dtype, &tensor.shape[..]),
                (theirs.dtype(), theirs.shape()),
                "{name}, {}",
                tensor.name
            );
            let bytes = match &tensor.place {
                Place::Range(range) => &file[range.clone()],
                Place::Copy(copy) => copy,
            };
            assert_eq!(bytes, theirs.data(), "{name}, {}", tensor.name);
        }
    }
    let views = read("views.bin");
    let copies = parse(&views).unwrap();
    let copies = copies.iter().filter(|tensor| matches!(tensor.place, Place::Copy(_)));
    let names: Vec<_> = copies.map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(
        names,
        ["transposed", "columns", "every_other", "permuted"],
        "the others are slices of the file"
    );
}

#[test]
fn what_is_no_state_dict_is_refused_by_name() {
    refused(&read("bad-call.bin"), &["data.pkl, byte", "posix.getpid", "refused, it could run code"]);
    refused(&read("bad-list.bin"), &["not a dictionary of tensors"]);
    refused(&read("bad-legacy.bin"), &["before 1.6", "torch.save"]);
    refused(&read("bad-expanded.bin"), &["\"a\"", "repeats the 1 numbers"]);
    refused(b"", &["no zip archive"]);
    refused(b"PK", &["no zip archive"]);
    refused(b"version https://git-lfs.github.com/spec/v1\n", &["git lfs pull"]);
}

/// An archive of stored entries, as `torch.save` lays it out but for the alignment.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let offset = file.len() as u32;
        let sizes = [crc32fast::hash(bytes), bytes.len() as u32, bytes.len() as u32];
        let common = |out: &mut Vec<u8>| {
            out.extend([0; 8]); // flags, method, time, date
            sizes.iter().for_each(|size| out.extend(size.to_le_bytes()));
            out.extend((name.len() as u16).to_le_bytes());
            out.extend([0; 2]); // extra
        };
        file.extend(b"PK\x03\x04\x0a\x00");
        common(&mut file);
        file.extend(name.bytes().chain(bytes.iter().copied()));
        directory.extend(b"PK\x01\x02\x0a\x00\x0a\x00");
        common(&mut directory);
        directory.extend([0; 10]); // comment, disk, attributes
        directory.extend(offset.to_le_bytes());
        directory.extend(name.bytes());
    }
    let (start, count) = (file.len() as u32, (entries.len() as u16).to_le_bytes());
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.iter().chain(&count));
    file.extend((directory.len() as u32).to_le_bytes().iter().chain(&start.to_le_bytes()));
    file.extend([0; 2]);
    file
}

/// An archive with this program and one storage of four floats.
fn pickled(code: &[u8]) -> Vec<u8> {
    archive(&[("m/data.pkl", code), ("m/data/0", &[0; 16])])
}

#[test]
fn archives_that_torch_does_not_write_are_refused() {
    refused(&archive(&[("m/other", b"")]), &["data.pkl"]);
    refused(&archive(&[("a/data.pkl", b""), ("b/data.pkl", b"")]), &["one data.pkl"]);
    refused(&archive(&[("a/data.pkl", b""), ("a/data.pkl", b"")]), &["two entries", "a/data.pkl"]);
    refused(&archive(&[("a/data.pkl", b"}."), ("a/byteorder", b"big")]), &["byte order", "big"]);
    let good = pickled(b"\x80\x02}.");
    assert_eq!(parse(&good).unwrap().len(), 0);
    let change = |at: usize, to: u8, words: &[&str]| {
        let mut file = good.clone();
        file[at] = to;
        refused(&file, words);
    };
    let central = good.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    change(30 + 10, b'x', &["checksum"]); // data.pkl itself, after a header and a name of 10 bytes
    change(central + 8, 1, &["encrypted", "m/data.pkl"]);
    change(central + 10, 8, &["compressed (method 8)", "m/data.pkl"]);
    change(central + 24, 9, &["sizes 4 and 9"]); // size unlike the compressed one
    change(central + 46, b'x', &["another name"]);
    change(central + 42, 1, &["damaged"]); // no local header there
    let mut bomb = good.clone(); // 4 GB from a few bytes
    for at in [central + 20, central + 24] {
        bomb[at..at + 4].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    }
    refused(&bomb, &["m/data.pkl", "beyond the zip archive's"]);
    let mut damaged = good.clone();
    let storage = good.windows(6).position(|six| six == b"data/0").unwrap() + 6;
    damaged[storage] ^= 1;
    refused(&damaged, &["m/data/0", "checksum"]);
    for at in good.windows(4).enumerate().filter(|(_, four)| four == b"PK\x01\x02").map(|(at, _)| at) {
        damaged[at + 16..at + 20].fill(0); // no checksums: nothing to compare
    }
    assert!(parse(&damaged).is_ok());
    let mut overlapping = good.clone();
    for at in [central + 20, central + 24] {
        overlapping[at] = 60;
    }
    refused(&overlapping, &["overlap"]);
    refused(&[&good[..], b"more"].concat(), &["no end"]);
    for length in 0..good.len() {
        refused(&good[..length], &[]);
    }
}

/// `{'a': <tensor>}` where the tensor has this offset, shape and strides in a storage of `len` floats.
fn tensor(len: u8, offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let tuple = |items: &[u8]| {
        [b"(".to_vec(), items.iter().flat_map(|n| [b'K', *n]).collect(), b"t".to_vec()].concat()
    };
    let storage =
        [b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0", &b"0X\x03\0\0\0cpuK"[..], &[len], b"tQ"];
    let call =
        [b"ctorch._utils\n_rebuild_tensor_v2\n(".to_vec(), storage.concat(), vec![b'K', offset]].concat();
    [b"\x80\x02}X\x01\0\0\0a".to_vec(), call, tuple(shape), tuple(strides), b"tRs.".to_vec()].concat()
}

#[test]
fn tensors_outside_their_storage_are_refused() {
    assert_eq!(parse(&pickled(&tensor(4, 0, &[2, 2], &[2, 1]))).unwrap()[0].shape, [2, 2]);
    assert!(parse(&pickled(&tensor(4, 3, &[1], &[1]))).is_ok());
    assert!(parse(&pickled(&tensor(4, 9, &[0, 3], &[1, 1]))).is_ok(), "nothing lies nowhere");
    refused(&pickled(&tensor(4, 1, &[2, 2], &[2, 1])), &["\"a\"", "beyond its storage of 4"]);
    refused(&pickled(&tensor(4, 0, &[2, 2], &[255, 255])), &["beyond"]);
    refused(&pickled(&tensor(5, 0, &[2, 2], &[2, 1])), &["should have 5 numbers", "16 bytes"]);
    refused(&pickled(&tensor(4, 0, &[2, 2], &[2])), &["2 dimensions with 1 strides"]);
    refused(&pickled(&tensor(4, 0, &[255; 9], &[0; 9])), &["too large"]);
    refused(&pickled(&tensor(4, 0, &[3, 3], &[0, 1])), &["repeats the 4 numbers"]);
    let missing = archive(&[("m/data.pkl", &tensor(4, 0, &[1], &[1]))]);
    refused(&missing, &["data/0 is missing"]);
}

#[test]
fn instructions_beyond_a_state_dict_are_named() {
    for (code, name) in [
        (&b"\x80\x02cos\nsystem\n."[..], "os.system"),
        (b"\x80\x02c__builtin__\neval\n.", "__builtin__.eval"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x02(ios\nsystem\n.", "os.system"),
        (b"\x80\x02(cos\nsystem\no.", "os.system"),
        (b"\x80\x02cos\nsystem\n)\x81.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93)}\x92.", "os.system"),
        (b"\x80\x02}cos\nsystem\n0.", "os.system"), // even where nothing is left of it
        (b"\x80\x02)\x81.", "nothing is left"),
        (b"\x80\x02N)\x81.", "no function"),
        (b"\x80\x02P0\n.", "PERSID"),
        (b"\x80\x02\xff.", "0xff"),
        (b"\x80\x09.", "protocol 9"),
        (b"\x80\x02NQ.", "no storage"),
        (b"\x80\x02N)R.", "no function"),
        (b"\x80\x02NNb.", "no dictionary"),
        (b"\x80\x02h\x05.", "remembered as 5"),
        (b"\x80\x02}NK\x01s.", "but a dictionary"),
        (b"\x80\x02K\x01.", "not a dictionary"),
        (b"\x80\x02.", "nothing is left"),
        (b"\x80\x02t.", "no mark"),
        (b"\x80\x02}X\x01\0\0\0\xff", "UTF-8"),
        (b"\x80\x02\x8a\x0901234567x.", "but a number"),
        (b"\x80\x02G01234567.", "but a number"),
        (b"\x80\x02K\x01K\x02a.", "no list"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "RebuildTensor called with 0 arguments"),
        (b"", "cut short"),
    ] {
        refused(&pickled(code), &[name]);
    }
}

#[test]
fn nesting_and_repetition_cost_no_more_than_the_file_is_long() {
    let start = Instant::now();
    let deep = [b"\x80\x02N".to_vec(), vec![0x85; 990_000], b".".to_vec()].concat();
    refused(&pickled(&deep), &["not a dictionary"]);
    // Every tuple has the last one twice: 2^100,000 in all.
    let doubling: Vec<u8> = (0..100_000).flat_map(|_| *b"q\x01h\x01\x86").collect();
    refused(&pickled(&[b"\x80\x02N".to_vec(), doubling, b".".to_vec()].concat()), &["not a dictionary"]);
    refused(
        &pickled(&[b"\x80\x02".to_vec(), vec![b')'; 2_000_000], b".".to_vec()].concat()),
        &["more than 1000000 values"],
    );
    let long = [b"\x80\x02(".to_vec(), b"K\x01".repeat(100_000), b"t.".to_vec()].concat();
    refused(&pickled(&long), &["not a dictionary"]);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

/// Seeded changes of one to eight bytes, and cuts: an error or tensors that lie inside the file.
#[test]
fn no_change_of_a_file_makes_it_panic() {
    let mut state = 1u64;
    let mut random = move |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    for name in ["plain", "views", "types", "parameters", "protocol-4"] {
        let good = read(&format!("{name}.bin"));
        let pickle = good.windows(8).position(|eight| eight == b"data.pkl").unwrap();
        for round in 0..4_000 {
            let mut file = good.clone();
            for _ in 0..=random(8) {
                // Half of the changes go to the program, whose checksum is mended so that it is read.
                let place = if round % 2 == 0 { random(file.len()) } else { pickle + 8 + random(600) };
                file[place.min(good.len() - 1)] = random(256) as u8;
            }
            if random(10) == 0 {
                file.truncate(random(file.len()));
            }
            mend(&mut file);
            for tensor in parse(&file).unwrap_or_default() {
                if let Place::Range(range) = tensor.place {
                    assert!(file.get(range).is_some(), "{} lies outside", tensor.name);
                }
            }
        }
    }
}

/// Writes the right checksum of `data.pkl` into the directory, if that can still be found.
fn mend(file: &mut [u8]) {
    let Ok(entries) = super::entries(file) else { return };
    let Some(entry) = entries.iter().find(|entry| entry.name.ends_with("/data.pkl")) else { return };
    let crc32 = crc32fast::hash(&file[entry.range.clone()]);
    let central = file.windows(4).position(|four| four == b"PK\x01\x02");
    if let Some(at) = central.filter(|at| at + 20 <= file.len()) {
        file[at + 16..at + 20].copy_from_slice(&crc32.to_le_bytes());
    }
}
