// SPDX-License-Identifier: Apache-2.0

//! Saves what a guest shows as a PPM picture, by libvgpu and declarations by hand: neither bindgen nor packages.
//!
//!     rustc -O --edition 2021 save_frame.rs -L "$(pkg-config --variable=libdir vgpu)"
//!     ./save_frame demo frame.ppm

use std::ffi::{CStr, CString};
use std::fmt;
use std::io::Write;
use std::os::raw::{c_char, c_int, c_short, c_ulong};
use std::process::ExitCode;
use std::ptr;

/// What of vgpu.h is used here. Structures and numbers of this version do not change.
mod vgpu {
    use super::*;

    pub const ABI_VERSION: u32 = 0;
    pub const STATE_FRAME: i32 = 1;
    pub const STATE_ENDED: i32 = 5;
    pub const PLANE_PRIMARY: i32 = 1;

    #[repr(C)]
    pub struct Error {
        pub code: i32,
        pub system_errno: i32,
        pub message: [c_char; 504],
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct Frame {
        pub flip: u64,
        pub detected_ns: u64,
        pub buffer_id: u64,
        pub cursor_id: u64,
        pub cursor_x: i32,
        pub cursor_y: i32,
        pub hotspot_x: i32,
        pub hotspot_y: i32,
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct BufferInfo {
        pub id: u64,
        pub modifier: u64,
        pub size: u64,
        pub width: u32,
        pub height: u32,
        pub fourcc: u32,
        pub stride: u32,
        pub offset: u32,
        pub storage: i32,
    }

    /// Handles: never made nor looked into here.
    #[repr(C)]
    pub struct Source {
        _private: [u8; 0],
    }
    #[repr(C)]
    pub struct Buffer {
        _private: [u8; 0],
    }

    #[link(name = "vgpu")]
    extern "C" {
        pub fn vgpu_abi_version() -> u32;
        pub fn vgpu_source_open(target: *const c_char, flags: u32, device: i32, error: *mut Error) -> *mut Source;
        pub fn vgpu_source_close(source: *mut Source);
        pub fn vgpu_source_fd(source: *mut Source, rate: f64, error: *mut Error) -> i32;
        pub fn vgpu_source_poll(source: *mut Source, frame: *mut Frame) -> i32;
        pub fn vgpu_source_message(source: *const Source, text: *mut c_char, size: usize) -> usize;
        pub fn vgpu_source_get_buffer(source: *mut Source, plane: i32, error: *mut Error) -> *mut Buffer;
        pub fn vgpu_buffer_release(buffer: *mut Buffer);
        pub fn vgpu_buffer_describe(buffer: *const Buffer, info: *mut BufferInfo, error: *mut Error) -> i32;
        pub fn vgpu_buffer_copy_rgb(buffer: *mut Buffer, rgb: *mut u8, size: usize, error: *mut Error) -> i32;
    }
}

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}
const POLLIN: c_short = 1;
extern "C" {
    fn poll(entries: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
}

/// Why something failed, in one line.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Calls a function that fills an error when it fails.
fn call<T>(body: impl FnOnce(*mut vgpu::Error) -> T, succeeded: impl FnOnce(&T) -> bool) -> Result<T, Failure> {
    let mut error = vgpu::Error { code: 0, system_errno: 0, message: [0; 504] };
    let value = body(&mut error);
    if succeeded(&value) {
        return Ok(value);
    }
    // The library ends the message with NUL.
    let message = unsafe { CStr::from_ptr(error.message.as_ptr()) };
    Err(Failure(message.to_string_lossy().into_owned()))
}

/// A guest's screen.
struct Source(ptr::NonNull<vgpu::Source>);

// Every function of the library may be called on any thread.
unsafe impl Send for Source {}

impl Source {
    fn open(target: &str) -> Result<Source, Failure> {
        let target = CString::new(target).map_err(|_| Failure("the target has a NUL in it".into()))?;
        let source = call(|error| unsafe { vgpu::vgpu_source_open(target.as_ptr(), 0, -1, error) }, |source| !source.is_null())?;
        ptr::NonNull::new(source).map(Source).ok_or_else(|| Failure("no source".into()))
    }

    /// Waits for a picture: what an event loop does, with nothing else in it.
    fn wait_for_frame(&self, most_looks: u32) -> Result<vgpu::Frame, Failure> {
        let fd = call(|error| unsafe { vgpu::vgpu_source_fd(self.0.as_ptr(), 60.0, error) }, |fd| *fd >= 0)?;
        let mut frame = vgpu::Frame::default();
        for _ in 0..most_looks {
            match unsafe { vgpu::vgpu_source_poll(self.0.as_ptr(), &mut frame) } {
                vgpu::STATE_FRAME => return Ok(frame),
                vgpu::STATE_ENDED => break,
                _ => {}
            }
            let mut timer = PollFd { fd, events: POLLIN, revents: 0 };
            if unsafe { poll(&mut timer, 1, -1) } < 0 {
                break;
            }
        }
        let mut text = [0 as c_char; 504];
        unsafe { vgpu::vgpu_source_message(self.0.as_ptr(), text.as_mut_ptr(), text.len()) };
        Err(Failure(unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned()))
    }

    fn buffer(&self, plane: i32) -> Result<Buffer, Failure> {
        let buffer = call(|error| unsafe { vgpu::vgpu_source_get_buffer(self.0.as_ptr(), plane, error) }, |buffer| !buffer.is_null())?;
        ptr::NonNull::new(buffer).map(Buffer).ok_or_else(|| Failure("no buffer".into()))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        unsafe { vgpu::vgpu_source_close(self.0.as_ptr()) }
    }
}

/// A reference to a picture's memory, which outlives its source.
struct Buffer(ptr::NonNull<vgpu::Buffer>);

unsafe impl Send for Buffer {}

impl Buffer {
    fn info(&self) -> Result<vgpu::BufferInfo, Failure> {
        let mut info = vgpu::BufferInfo::default();
        call(|error| unsafe { vgpu::vgpu_buffer_describe(self.0.as_ptr(), &mut info, error) }, |code| *code == 0)?;
        Ok(info)
    }

    fn rgb(&self, info: &vgpu::BufferInfo) -> Result<Vec<u8>, Failure> {
        let mut rgb = vec![0; info.width as usize * info.height as usize * 3];
        call(|error| unsafe { vgpu::vgpu_buffer_copy_rgb(self.0.as_ptr(), rgb.as_mut_ptr(), rgb.len(), error) }, |code| *code == 0)?;
        Ok(rgb)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        unsafe { vgpu::vgpu_buffer_release(self.0.as_ptr()) }
    }
}

fn save(target: &str, path: &str) -> Result<(), Failure> {
    if unsafe { vgpu::vgpu_abi_version() } != vgpu::ABI_VERSION {
        return Err(Failure("another version of libvgpu".into()));
    }
    let source = Source::open(target)?;
    let frame = source.wait_for_frame(600)?;
    let buffer = source.buffer(vgpu::PLANE_PRIMARY)?;
    drop(source);
    let info = buffer.info()?;
    let rgb = buffer.rgb(&info)?;
    let cannot = |error: std::io::Error| Failure(format!("{path}: {error}"));
    let mut file = std::fs::File::create(path).map_err(cannot)?;
    write!(file, "P6\n{} {}\n255\n", info.width, info.height).map_err(cannot)?;
    file.write_all(&rgb).map_err(cannot)?;
    println!("{}x{}, flip {}: {path}", info.width, info.height, frame.flip);
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if words.len() != 3 {
        eprintln!("usage: save_frame TARGET FILE");
        return ExitCode::from(64);
    }
    match save(&words[1], &words[2]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("save_frame: {failure}");
            ExitCode::FAILURE
        }
    }
}
