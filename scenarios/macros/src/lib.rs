//! `#[scenario]`, `#[task]`, `#[setup]` and `#[teardown]`: virtual users written in Rust. Neighbours: `settings.rs` reads what
//! attributes say, `plan.rs` the impl block, `write.rs` writes what `loadforge_scenarios::rust_scenario` asks for.
//! Invariant: everything wrong is told at once, each at its own place in the user's file, with what to do about it.

#![forbid(unsafe_code)]

// The grammar of times is that of scenario files: the same file, so that the two cannot differ.
mod feed;
#[path = "../../src/lengths.rs"]
mod lengths;
mod plan;
mod settings;
mod write;

use proc_macro::TokenStream;
use syn::{Item, parse_macro_input};

/// Makes a scenario of an impl block: each virtual user is a value of the type, begun with `Default`.
///
/// Its keys, all of them optional: `name = "shop"`, `base_url = "http://127.0.0.1:8080"` or `target = "echo"`,
/// `origins("http://pay.test")` for further hosts, `think_time = "1s..3s"` (or `normal(mean = "2s", sd = "500ms")`,
/// `exponential(mean = "2s")`), `pacing = "5s"`, `timeout = "2s"`, `redirects = 5`, `cookies = false`,
/// `headers(accept_language = "en", "x-trace" = "1")`, `data(people = "users.csv", strategy = "unique")` once for each file,
/// with `at_end`, `per`, `format` and `separator` as in scenario files.
#[proc_macro_attribute]
pub fn scenario(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as Item);
    write::scenario(attribute.into(), item).into()
}

/// Makes a method of a `#[scenario]` one of the things that users do over and over.
///
/// Its keys, all of them optional: `weight = 3` (1 when nothing is said), `name = "product"` for requests without a name of
/// their own, `think_time` and `pacing` in the place of the scenario's.
#[proc_macro_attribute]
pub fn task(_: TokenStream, item: TokenStream) -> TokenStream {
    alone("task", item)
}

/// Makes a method of a `#[scenario]` what each user does once, before its first task.
#[proc_macro_attribute]
pub fn setup(_: TokenStream, item: TokenStream) -> TokenStream {
    alone("setup", item)
}

/// Makes a method of a `#[scenario]` what each user does once, after its last task.
#[proc_macro_attribute]
pub fn teardown(_: TokenStream, item: TokenStream) -> TokenStream {
    alone("teardown", item)
}

/// `#[scenario]` takes these attributes away; whichever is met by itself stands where it means nothing.
fn alone(attribute: &str, item: TokenStream) -> TokenStream {
    write::alone(attribute, &item.into()).into()
}
