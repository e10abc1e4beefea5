//! The C header is what the Rust sources say.

use std::{env, fs, path::Path};

#[test]
fn the_header_is_up_to_date() {
    let ffi = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    // cbindgen takes for a function of the interface what is never mangled, and looks at no condition of that.
    let plain = crate::tempdir();
    let sources = fs::read_dir(&ffi).expect("sources").map(|entry| entry.expect("a name").path());
    for source in sources.filter(|path| path.extension().is_some_and(|ending| ending == "rs")) {
        let text = fs::read_to_string(&source).expect("a source");
        let text = text.replace("#[cfg_attr(feature = \"capi\", unsafe(no_mangle))]", "#[unsafe(no_mangle)]");
        fs::write(plain.path().join(source.file_name().expect("a name")), text).expect("room");
    }
    let config = cbindgen::Config::from_file(ffi.join("cbindgen.toml")).expect("a good configuration");
    let mut header = Vec::new();
    cbindgen::Builder::new()
        .with_src(plain.path().join("mod.rs"))
        .with_config(config)
        .generate()
        .expect("C can say what Rust does")
        .write(&mut header);
    let header = String::from_utf8(header).expect("UTF-8");

    let path = ffi.join("nimbert.h");
    if env::var_os("NIMBERT_WRITE_HEADER").is_some() {
        fs::write(&path, &header).expect("a place to write to");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == header,
        "src/ffi/nimbert.h is not what src/ffi says; to write it anew: NIMBERT_WRITE_HEADER=1 cargo test --test library header"
    );
}
