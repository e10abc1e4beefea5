//! The commands about models.

use crate::{checkpoint, nimbert};

#[test]
fn info_tells_what_the_model_is_and_how_it_runs() {
    let stdout = nimbert(&["info", "--threads", "1"]).done();
    let value = |name: &str| {
        let line = stdout
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name} in {stdout}"));
        line[name.len()..].trim().to_owned()
    };
    assert!(value("architecture").contains("6 layers, hidden 384, 12 heads"), "{stdout}");
    assert!(value("parameters").starts_with("16,"), "{stdout}");
    assert_eq!(value("labels"), "Star_1, Star_2, Star_3, Star_4, Star_5");
    assert_eq!(value("scoring"), "sigmoid");
    assert_eq!(value("precision"), "int8 stored, int8 computed");
    assert_eq!(value("threads"), "1");
    assert!(value("weights").contains("MiB"), "{stdout}");
}

#[test]
fn info_speaks_json() {
    let objects = nimbert(&["info", "--format", "json"]).json();
    let info = &objects[0];
    assert_eq!((objects.len(), &info["labels"][4]), (1, &"Star_5".into()));
    assert!(info["parameters"].as_u64().unwrap() > 16_000_000);
    assert!(info["memory"]["weights_bytes"].as_u64().unwrap() > 16_000_000);
    assert!(info["threads"].as_u64().unwrap() >= 1);
    assert!(info["isa"]["available"].as_array().unwrap().contains(&info["isa"]["chosen"]), "{info}");
}

#[test]
fn pack_of_nothing_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.nimbert");
    let run = nimbert(&["pack", "no/such/model", "-o", out.to_str().unwrap()]);
    assert_eq!(run.failed(&["no/such/model"]), "");
    assert_eq!(directory.path().read_dir().unwrap().count(), 0, "nothing half-written");
}

#[test]
fn a_packed_model_answers_like_the_checkpoint() {
    let Some(checkpoint) = checkpoint() else { return };
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.nimbert");
    let (checkpoint, out) = (checkpoint.to_str().unwrap(), out.to_str().unwrap());
    let said = nimbert(&["pack", checkpoint, "-o", out]).done();
    assert!(said.contains("out.nimbert") && said.contains("int8"), "{said}");
    let text = ["classify", "太好看了，演员也好，强烈推荐", "--format", "json", "--model"];
    let best = |model: &str| nimbert(&[&text[..], &[model]].concat()).json()[0]["scores"][0]["label"].clone();
    assert_eq!(best(out), best(checkpoint));
    let info = nimbert(&["info", "--model", out, "--format", "json"]).json();
    assert_eq!(nimbert(&["info", out, "--format", "json"]).json()[0]["model"], info[0]["model"]);
    assert_eq!((&info[0]["labels"][4], &info[0]["precision"]["stored"]), (&"Star_5".into(), &"int8".into()));
}
