//! The C API of PJRT plugins: XLA as a library loaded at run time, without Python.
//!
//! The API, <https://github.com/openxla/xla/blob/main/xla/pjrt/c/pjrt_c_api.h>, is a table of functions. New ones are
//! appended, so indices are stable. Each function takes a struct that begins with its size. A plugin refuses a struct
//! smaller than its own version, and accepts a larger one, so each struct here is padded with zeros.
#![allow(unsafe_code)] // a C API; nothing unsafe leaves this file

use ndarray::ArrayD;
use std::ffi::{c_int, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};
use table::{Api, Call, Found, Function, Handle, Listed, function, text};

mod table;

#[repr(C)]
struct Create {
    options: *const c_void,
    count: usize,
    get: [Handle; 2],
    put: [Handle; 2],
    client: Handle,
    try_get: [Handle; 2],
}

#[repr(C)]
struct Text {
    size: usize,
    extension: Handle,
    code: *const u8,
    code_size: usize,
    format: *const u8,
    format_size: usize,
    later: [usize; 16],
}

#[repr(C)]
struct Compile {
    client: Handle,
    program: *const Text,
    options: *const u8,
    options_size: usize,
    executable: Handle,
}

#[repr(C)]
struct FromHost {
    client: Handle,
    data: *const u8,
    kind: c_int,
    dims: *const i64,
    rank: usize,
    strides: *const i64,
    strides_count: usize,
    /// 0: the data is read during the call, or until the event.
    semantics: c_int,
    device: Handle,
    memory: Handle,
    layout: Handle,
    read: Handle,
    buffer: Handle,
}

#[repr(C)]
struct Options {
    size: usize,
    extension: Handle,
    callbacks: [Handle; 2],
    callback_counts: [usize; 2],
    launch: c_int,
    kept: *const i64,
    kept_count: usize,
    later: [usize; 16],
}

#[repr(C)]
struct Execute {
    executable: Handle,
    options: *mut Options,
    arguments: *const *const Handle,
    devices: usize,
    arguments_count: usize,
    outputs: *const *mut Handle,
    events: *mut Handle,
    device: Handle,
}

#[repr(C)]
struct ToHost {
    buffer: Handle,
    layout: Handle,
    to: *mut u8,
    bytes: usize,
    event: Handle,
}

/// `CompileOptionsProto { executable_build_options (3) { num_replicas (4): 1, num_partitions (5): 1 } }`
const COMPILE_OPTIONS: [u8; 6] = [0x1a, 4, 0x20, 1, 0x28, 1];

/// An order of axes, the fastest first.
#[repr(C)]
struct Tiled {
    size: usize,
    extension: Handle,
    minor_to_major: *const i64,
    rank: usize,
    tiles: *const i64,
    tile_ranks: *const usize,
    tiles_count: usize,
}

/// How an array lies in memory.
#[repr(C)]
struct Layout {
    size: usize,
    extension: Handle,
    tiled: Tiled,
    /// 0: `tiled`.
    kind: c_int,
}

/// The element type of an array.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    Bool = 1,
    I32 = 4,
    U64 = 9,
    F32 = 11,
}

impl Kind {
    fn width(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::I32 | Self::F32 => 4,
            Self::U64 => 8,
        }
    }
}

/// A handle with the function that destroys it.
#[derive(Debug)]
struct Owned {
    api: Api,
    handle: Handle,
    destroy: Function,
}

impl Drop for Owned {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // A failed destruction leaks the handle; there is no caller to report it to.
            let _ = self.api.call(self.destroy, &mut Call::new(self.handle));
        }
    }
}

/// A plugin with its first device.
#[derive(Debug)]
pub struct Plugin {
    client: Owned,
    device: Handle,
    /// Its name of the platform.
    pub platform: String,
}

/// A compiled program.
#[derive(Debug)]
pub struct Compiled {
    program: Owned,
    /// The number of results.
    results: usize,
}

/// An array on the device.
#[derive(Debug)]
pub struct Buffer(Owned);

impl Plugin {
    /// Loads a plugin.
    pub fn open(path: &Path) -> Result<Self, String> {
        // SAFETY: the user trusts the plugin, like any program that is started.
        let table = unsafe {
            let library =
                libloading::Library::new(path).map_err(|error| format!("it cannot be loaded: {error}"))?;
            let get = library
                .get::<extern "C" fn() -> *const usize>(b"GetPjrtApi")
                .map_err(|_| "it is no PJRT plugin: it has no function `GetPjrtApi`")?;
            let table = get();
            // A plugin has its own threads, so it is never unloaded.
            std::mem::forget(library);
            table
        };
        // SAFETY: the plugin says that this is its table, which it never unloads.
        let api = unsafe { Api::of(table) }?;
        api.call(function::PLUGIN_INITIALIZE, &mut Call::new(()))?;
        let no = [null_mut(); 2];
        let mut create = Call::new(Create {
            options: null(),
            count: 0,
            get: no,
            put: no,
            client: null_mut(),
            try_get: no,
        });
        api.call(function::CLIENT_CREATE, &mut create)?;
        let client = Owned { api, handle: create.body.client, destroy: function::CLIENT_DESTROY };
        let mut devices = Listed::<Handle>::of(client.handle);
        api.call(function::CLIENT_ADDRESSABLE_DEVICES, &mut devices)?;
        if devices.body.count == 0 {
            return Err("it finds no device".into());
        }
        let mut name = Listed::of(client.handle);
        api.call(function::CLIENT_PLATFORM_NAME, &mut name)?;
        // SAFETY: the plugin has filled in both, and they live as long as the client.
        let (device, platform) = unsafe { (devices.body.first.read(), text(&name.body)) };
        Ok(Self { client, device, platform })
    }

    fn api(&self) -> Api {
        self.client.api
    }

    /// Compiles StableHLO text.
    pub fn compile(&self, text: &str) -> Result<Compiled, String> {
        let source = Text {
            size: size_of::<Text>(),
            extension: null_mut(),
            code: text.as_ptr(),
            code_size: text.len(),
            format: b"mlir".as_ptr(),
            format_size: 4,
            later: [0; 16],
        };
        let mut compile = Call::new(Compile {
            client: self.client.handle,
            program: &raw const source,
            options: COMPILE_OPTIONS.as_ptr(),
            options_size: COMPILE_OPTIONS.len(),
            executable: null_mut(),
        });
        let api = self.api();
        api.call(function::CLIENT_COMPILE, &mut compile)?;
        let program =
            Owned { api, handle: compile.body.executable, destroy: function::LOADED_EXECUTABLE_DESTROY };
        let mut executable = Call::new(Found { of: program.handle, found: null_mut::<c_void>() });
        api.call(function::LOADED_EXECUTABLE_GET_EXECUTABLE, &mut executable)?;
        let executable = Owned { api, handle: executable.body.found, destroy: function::EXECUTABLE_DESTROY };
        let mut outputs = Call::new(Found { of: executable.handle, found: 0_usize });
        api.call(function::EXECUTABLE_NUM_OUTPUTS, &mut outputs)?;
        Ok(Compiled { program, results: outputs.body.found })
    }

    /// Copies an array to the device; `bytes` must match its kind and shape.
    pub fn buffer(&self, bytes: &[u8], kind: Kind, shape: &[usize]) -> Result<Buffer, String> {
        if bytes.len() != kind.width() * shape.iter().product::<usize>() {
            return Err(format!("{} bytes are no array of {shape:?}", bytes.len()));
        }
        let dims: Vec<i64> = shape.iter().map(|&n| i64::try_from(n).unwrap_or(i64::MAX)).collect();
        let mut from = Call::new(FromHost {
            client: self.client.handle,
            data: bytes.as_ptr(),
            kind: kind as c_int,
            dims: dims.as_ptr(),
            rank: dims.len(),
            strides: null(),
            strides_count: 0,
            semantics: 0,
            device: self.device,
            memory: null_mut(),
            layout: null_mut(),
            read: null_mut(),
            buffer: null_mut(),
        });
        self.api().call(function::CLIENT_BUFFER_FROM_HOST_BUFFER, &mut from)?;
        let buffer = Owned { api: self.api(), handle: from.body.buffer, destroy: function::BUFFER_DESTROY };
        self.api().wait(from.body.read)?;
        Ok(Buffer(buffer))
    }

    /// Runs a program.
    pub fn run(&self, compiled: &Compiled, arguments: &[Buffer]) -> Result<Vec<Buffer>, String> {
        let handles: Vec<Handle> = arguments.iter().map(|a| a.0.handle).collect();
        let (lists, mut results) = ([handles.as_ptr()], vec![null_mut::<c_void>(); compiled.results]);
        let (outputs, mut event) = ([results.as_mut_ptr()], null_mut::<c_void>());
        let mut options = Options {
            size: size_of::<Options>(),
            extension: null_mut(),
            callbacks: [null_mut(); 2],
            callback_counts: [0; 2],
            launch: 0,
            kept: null(),
            kept_count: 0,
            later: [0; 16],
        };
        let mut execute = Call::new(Execute {
            executable: compiled.program.handle,
            options: &raw mut options,
            arguments: lists.as_ptr(),
            devices: 1,
            arguments_count: handles.len(),
            outputs: outputs.as_ptr(),
            events: &raw mut event,
            device: null_mut(),
        });
        let api = self.api();
        api.call(function::LOADED_EXECUTABLE_EXECUTE, &mut execute)?;
        let own = |handle| Buffer(Owned { api, handle, destroy: function::BUFFER_DESTROY });
        let results = results.into_iter().map(own).collect();
        api.wait(event)?;
        Ok(results)
    }

    /// The numbers of a result, row by row, however they lie on the device.
    pub fn numbers(&self, buffer: &Buffer, shape: &[usize]) -> Result<Vec<f32>, String> {
        let last_first = self.order(buffer, shape.len())?;
        let mut numbers = vec![0_f32; shape.iter().product()];
        // The plugin for the CPU reads no order that it is given. Without one each gives that of the device.
        let mut to = Call::new(ToHost {
            buffer: buffer.0.handle,
            layout: null_mut(),
            to: numbers.as_mut_ptr().cast(),
            bytes: size_of_val(&numbers[..]),
            event: null_mut(),
        });
        self.api().call(function::BUFFER_TO_HOST_BUFFER, &mut to)?;
        self.api().wait(to.body.event)?;
        Ok(by_rows(numbers, shape, &last_first))
    }

    /// The axes of a result in the order in which it lies on the device, the fastest first.
    fn order(&self, buffer: &Buffer, rank: usize) -> Result<Vec<usize>, String> {
        // SAFETY: it is made of numbers and pointers.
        let layout = unsafe { std::mem::zeroed::<Layout>() };
        let mut laid = Call::new(Found { of: buffer.0.handle, found: layout });
        self.api().call(function::BUFFER_GET_MEMORY_LAYOUT, &mut laid)?;
        let Layout { tiled, kind, .. } = &laid.body.found;
        let mut order = Vec::new();
        if *kind == 0 && tiled.rank == rank && !(rank > 0 && tiled.minor_to_major.is_null()) {
            // SAFETY: the list lives as long as the buffer.
            order.extend((0..rank).map(|k| unsafe { tiled.minor_to_major.add(k).read() }));
        }
        let order: Vec<usize> = order.into_iter().filter_map(|axis| usize::try_from(axis).ok()).collect();
        if (0..rank).all(|axis| order.contains(&axis)) {
            Ok(order)
        } else {
            Err(format!("it does not say in which order the {rank} axes of a result lie"))
        }
    }
}

/// Numbers that lie in another order of axes, the fastest first.
fn by_rows(numbers: Vec<f32>, shape: &[usize], last_first: &[usize]) -> Vec<f32> {
    let lies: Vec<usize> = last_first.iter().rev().map(|&axis| shape[axis]).collect();
    let place = |axis| last_first.iter().rev().position(|&other| other == axis);
    let places: Vec<usize> = (0..shape.len()).filter_map(place).collect();
    let array = ArrayD::from_shape_vec(lies, numbers).expect("it has as many numbers in any order");
    array.permuted_axes(places).into_iter().collect()
}
