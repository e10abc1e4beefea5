use std::{ffi::CStr, ptr};

use super::*;
use crate::options::Precision as RustPrecision;

fn last_error() -> String {
    let text = nimbert_last_error();
    assert!(!text.is_null());
    // SAFETY: not NULL, and no call on this thread fails meanwhile.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()
}

#[test]
fn a_panic_becomes_a_code_and_the_next_call_works() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let of_str = guard(|| panic!("on purpose"));
    let of_string = guard(|| panic!("{} on purpose", 2));
    std::panic::set_hook(hook);
    assert_eq!((of_str, of_string), (Status::Internal, Status::Internal));
    assert!(last_error().contains("2 on purpose"), "{}", last_error());
    assert_eq!(guard(|| Ok(())), Status::Ok);
}

#[test]
fn an_error_is_of_its_thread_and_has_no_nul_inside() {
    assert!(std::thread::spawn(|| nimbert_last_error().is_null()).join().unwrap());
    assert_eq!(guard(|| Err(Failure::argument("a\0b"))), Status::Argument);
    assert_eq!(last_error(), "a\u{fffd}b");
    assert!(std::thread::spawn(|| nimbert_last_error().is_null()).join().unwrap());
}

/// Programs are out there that know this struct: it may grow behind its end, and nowhere else.
#[test]
fn the_first_struct_stays() {
    let (words, bytes) = (3 * size_of::<usize>(), 4 * size_of::<u32>());
    assert_eq!(options::SMALLEST, words + bytes);
    let mut first = [Options::default()];
    first[0].size = options::SMALLEST;
    // SAFETY: there are as many bytes as the size says.
    assert!(unsafe { Options::read(first.as_ptr()) }.is_ok());
}

/// The struct of a version to come.
#[repr(C)]
struct Later {
    options: Options,
    more: [u64; 3],
}

fn later(precision: u32, more: [u64; 3]) -> Later {
    let mut later = Later { options: Options::default(), more };
    later.options.size = size_of::<Later>();
    later.options.precision = precision;
    later
}

#[test]
fn a_larger_struct_will_do_where_what_is_unknown_is_zero() {
    // SAFETY: there are as many bytes as the size says.
    let read = |later: &Later| unsafe { Options::read(ptr::from_ref(later).cast()) };
    assert_eq!(read(&later(3, [0; 3])).unwrap().run.precision, RustPrecision::Int8);
    assert!(read(&later(4, [0; 3])).is_err());
    assert!(read(&later(0, [0, 1, 0])).is_err());
}

#[test]
fn half_a_pointer_is_none() {
    let options = Options {
        size: size_of::<Options>() - 20,
        ignore_labels: ptr::without_provenance(8),
        ..Options::default()
    };
    // SAFETY: there are more bytes than the size says.
    assert!(unsafe { Options::read(&raw const options) }.is_err());
}

#[test]
fn defaults_fill_the_struct_of_the_program_and_no_more() {
    let mut bytes = [Later { options: Options::default(), more: [7; 3] }];
    let size = size_of::<Options>() + 8;
    // SAFETY: there are more bytes than that.
    let status = unsafe { nimbert_options_init(bytes.as_mut_ptr().cast(), size) };
    assert_eq!((status, bytes[0].options.size, bytes[0].more), (Status::Ok, size, [0, 7, 7]));
}
