//! What many types have in common, and `derive` does not write.

/// Defines methods of a builder. `linger(Duration) => linger;` is a method `linger` that sets the field `linger` to a
/// `Duration`, or to what that converts into.
macro_rules! setters {
    ($($(#[$attribute:meta])* $name:ident($value:ty) => $($field:ident).+;)*) => {$(
        $(#[$attribute])*
        pub fn $name(mut self, $name: $value) -> Self {
            self.$($field).+ = $name.into();
            self
        }
    )*};
}
pub(crate) use setters;

/// Implements `Debug` as the name of the type, for one whose fields have none or say nothing.
macro_rules! opaque_debug {
    ($name:ident $(<$($parameter:ident $(: $bound:path)?),*>)?) => {
        impl $(<$($parameter $(: $bound)?),*>)? std::fmt::Debug for $name $(<$($parameter),*>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use opaque_debug;

/// Implements the conversion of an error into one for I/O, of this kind.
macro_rules! io_error {
    ($error:ident, $kind:ident) => {
        #[doc = concat!("Converts into an error of the kind `", stringify!($kind), "`.")]
        impl From<$error> for std::io::Error {
            fn from(error: $error) -> Self {
                Self::new(std::io::ErrorKind::$kind, error)
            }
        }
    };
}
pub(crate) use io_error;

/// Implements `Display` and `Error` for an enum whose variants hold other errors, by those. As `Display` includes the
/// message of the variant, `source` skips to the source of the variant.
macro_rules! transparent_error {
    ($name:ident $(<$source:ident>)?, $($variant:ident),+) => {
        impl $(<$source: std::fmt::Display>)? std::fmt::Display for $name $(<$source>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self { $(Self::$variant(error) => error.fmt(f)),+ }
            }
        }

        impl $(<$source: std::error::Error>)? std::error::Error for $name $(<$source>)? {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                match self { $(Self::$variant(error) => error.source()),+ }
            }
        }
    };
}
pub(crate) use transparent_error;

/// Implements `Display` and `Error` for an error by a message for each pattern, with its arguments as in `format!`, and the
/// variants that hold the source.
macro_rules! error_messages {
    ($error:ident { $($pattern:pat $(if $guard:expr)? => $message:literal $(, $argument:expr)*;)+ }
     $(sources { $($variant:ident),+ })?) => {
        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self { $($pattern $(if $guard)? => write!(f, $message $(, $argument)*)),+ }
            }
        }

        impl std::error::Error for $error {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                $($(if let Self::$variant(source) = self {
                    return Some(source);
                })+)?
                None
            }
        }
    };
}
pub(crate) use error_messages;

/// Displays bytes in hexadecimal, each after a space.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}
