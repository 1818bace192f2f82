//! The table of a plugin's functions, checked before the first is called.

use std::ffi::{c_int, c_void};
use std::ptr::{from_mut, null, null_mut};

/// An opaque pointer of the plugin.
pub(super) type Handle = *mut c_void;

/// A function of the table: its index, and its name in the header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function(usize, &'static str);

/// The functions in use.
pub(super) mod function {
    use super::Function;

    pub const ERROR_DESTROY: Function = Function(0, "PJRT_Error_Destroy");
    pub const ERROR_MESSAGE: Function = Function(1, "PJRT_Error_Message");
    pub const PLUGIN_INITIALIZE: Function = Function(3, "PJRT_Plugin_Initialize");
    pub const EVENT_DESTROY: Function = Function(5, "PJRT_Event_Destroy");
    pub const EVENT_AWAIT: Function = Function(8, "PJRT_Event_Await");
    pub const CLIENT_CREATE: Function = Function(10, "PJRT_Client_Create");
    pub const CLIENT_DESTROY: Function = Function(11, "PJRT_Client_Destroy");
    pub const CLIENT_PLATFORM_NAME: Function = Function(12, "PJRT_Client_PlatformName");
    pub const CLIENT_ADDRESSABLE_DEVICES: Function = Function(16, "PJRT_Client_AddressableDevices");
    pub const CLIENT_COMPILE: Function = Function(20, "PJRT_Client_Compile");
    pub const CLIENT_BUFFER_FROM_HOST_BUFFER: Function = Function(22, "PJRT_Client_BufferFromHostBuffer");
    pub const EXECUTABLE_DESTROY: Function = Function(40, "PJRT_Executable_Destroy");
    pub const EXECUTABLE_NUM_OUTPUTS: Function = Function(44, "PJRT_Executable_NumOutputs");
    pub const LOADED_EXECUTABLE_DESTROY: Function = Function(50, "PJRT_LoadedExecutable_Destroy");
    pub const LOADED_EXECUTABLE_GET_EXECUTABLE: Function =
        Function(51, "PJRT_LoadedExecutable_GetExecutable");
    pub const LOADED_EXECUTABLE_EXECUTE: Function = Function(55, "PJRT_LoadedExecutable_Execute");
    pub const BUFFER_DESTROY: Function = Function(58, "PJRT_Buffer_Destroy");
    pub const BUFFER_GET_MEMORY_LAYOUT: Function = Function(63, "PJRT_Buffer_GetMemoryLayout");
    pub const BUFFER_TO_HOST_BUFFER: Function = Function(70, "PJRT_Buffer_ToHostBuffer");

    /// All of the above.
    pub const ALL: [Function; 19] = [
        ERROR_DESTROY,
        ERROR_MESSAGE,
        PLUGIN_INITIALIZE,
        EVENT_DESTROY,
        EVENT_AWAIT,
        CLIENT_CREATE,
        CLIENT_DESTROY,
        CLIENT_PLATFORM_NAME,
        CLIENT_ADDRESSABLE_DEVICES,
        CLIENT_COMPILE,
        CLIENT_BUFFER_FROM_HOST_BUFFER,
        EXECUTABLE_DESTROY,
        EXECUTABLE_NUM_OUTPUTS,
        LOADED_EXECUTABLE_DESTROY,
        LOADED_EXECUTABLE_GET_EXECUTABLE,
        LOADED_EXECUTABLE_EXECUTE,
        BUFFER_DESTROY,
        BUFFER_GET_MEMORY_LAYOUT,
        BUFFER_TO_HOST_BUFFER,
    ];
}

/// The index of the first function: after the size of the table, its extensions, and its version, in words.
const FIRST: usize = 5;
/// Where the version is: a word of the major and the minor number, after its own size and extensions.
const VERSION: usize = 4;
/// The bytes of a table that has all functions in use.
const NEEDED: usize = size_of::<usize>() * (FIRST + function::BUFFER_TO_HOST_BUFFER.0 + 1);
/// The major version of the API: one with another has other structs.
const MAJOR: c_int = 0;

/// The argument struct of a function.
#[repr(C)]
pub(super) struct Call<T> {
    size: usize,
    extension: Handle,
    pub body: T,
    later: [usize; 16],
}

impl<T> Call<T> {
    pub fn new(body: T) -> Self {
        Self { size: size_of::<Self>(), extension: null_mut(), body, later: [0; 16] }
    }
}

/// The text or list of an object.
#[repr(C)]
pub(super) struct Listed<T> {
    pub of: Handle,
    pub first: *const T,
    pub count: usize,
}

impl<T> Listed<T> {
    pub fn of(of: Handle) -> Call<Self> {
        Call::new(Self { of, first: null(), count: 0 })
    }
}

/// A property of an object.
#[repr(C)]
pub(super) struct Found<T> {
    pub of: Handle,
    pub found: T,
}

/// A function that gives an error, or null.
type Fallible = unsafe extern "C" fn(Handle) -> Handle;
/// A function that gives nothing: those on errors.
type Infallible = unsafe extern "C" fn(Handle);

/// The function table of a plugin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api(*const usize);

impl Api {
    /// A table that has all functions in use.
    ///
    /// SAFETY: `table` must be null, or begin with the bytes that its first word says, and live forever.
    pub unsafe fn of(table: *const usize) -> Result<Self, String> {
        if table.is_null() {
            return Err("it has no table of functions".into());
        }
        // SAFETY: the first word is the size of the table; what else is read lies within it.
        unsafe {
            let size = table.read();
            if size < NEEDED {
                return Err(format!(
                    "its table of functions has {size} bytes, and {NEEDED} are needed: it is older than this program"
                ));
            }
            let [major, minor] = table.add(VERSION).cast::<[c_int; 2]>().read();
            if major != MAJOR {
                return Err(format!(
                    "it has version {major}.{minor} of the PJRT API, and {MAJOR}.x is needed"
                ));
            }
            let api = Self(table);
            for function in function::ALL {
                api.entry::<Fallible>(function)?;
            }
            Ok(api)
        }
    }

    /// A function of the table.
    ///
    /// SAFETY: `F` must be the type of this function.
    unsafe fn entry<F>(self, Function(index, name): Function) -> Result<F, String> {
        // SAFETY: the table has it; an empty entry is null, which is `None` of a function.
        let entry = unsafe { self.0.add(FIRST + index).cast::<Option<F>>().read() };
        entry.ok_or_else(|| format!("its table of functions has no {name}"))
    }

    /// Calls a function with the argument struct of its header.
    pub fn call<T>(self, function: Function, call: &mut Call<T>) -> Result<(), String> {
        // SAFETY: the table was checked; callers pass the function's own struct.
        unsafe {
            let error = self.entry::<Fallible>(function)?(from_mut(call).cast());
            if error.is_null() {
                return Ok(());
            }
            let mut message = Listed::of(error);
            self.entry::<Infallible>(function::ERROR_MESSAGE)?((&raw mut message).cast());
            let text = text(&message.body);
            let mut destroyed = Call::new(error);
            self.entry::<Infallible>(function::ERROR_DESTROY)?((&raw mut destroyed).cast());
            Err(if text.is_empty() { format!("{} failed without a message", function.1) } else { text })
        }
    }

    pub fn wait(self, event: Handle) -> Result<(), String> {
        if event.is_null() {
            return Ok(());
        }
        let done = self.call(function::EVENT_AWAIT, &mut Call::new(event));
        self.call(function::EVENT_DESTROY, &mut Call::new(event))?;
        done
    }
}

/// SAFETY: the plugin must have filled in the list.
pub(super) unsafe fn text(listed: &Listed<u8>) -> String {
    if listed.first.is_null() {
        return String::new();
    }
    // SAFETY: it has `count` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(listed.first, listed.count) };
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
