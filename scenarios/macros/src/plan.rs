//! What an impl block with `#[scenario]` asks for: its settings, its tasks, setups and teardowns. Neighbours: `settings.rs` reads
//! single keys, `write.rs` writes code from it. Invariant: our attributes are taken off the methods, all else stays as it was.

use crate::{
    feed,
    settings::{Problems, Settings, duration},
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Attribute, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Meta, ReturnType, Type,
    spanned::Spanned,
};

/// The attributes of methods.
const ROLES: [&str; 3] = ["task", "setup", "teardown"];

/// What the scenario's attribute says, as tokens of an `Outline`'s fields.
pub struct Head {
    pub name: TokenStream,
    pub target: TokenStream,
    pub origins: Vec<String>,
    pub think_time: TokenStream,
    pub pacing: TokenStream,
    pub time_limit: TokenStream,
    pub redirects: TokenStream,
    pub cookies: bool,
    pub headers: TokenStream,
    pub data: TokenStream,
}

/// One task, as tokens of a `TaskOutline`'s fields.
pub struct Task {
    pub method: Method,
    pub name: TokenStream,
    pub weight: u32,
    pub think_time: TokenStream,
    pub pacing: TokenStream,
}

/// A method that is called for its outcome.
pub struct Method {
    pub name: Ident,
    /// Where its result type stands, for when that is not an outcome.
    pub result: Span,
}

/// The methods of a scenario.
#[derive(Default)]
pub struct Methods {
    pub tasks: Vec<Task>,
    pub setups: Vec<Method>,
    pub teardowns: Vec<Method>,
}

/// Reads the brackets of `#[scenario(…)]`.
pub fn read_head(tokens: TokenStream, type_name: &str, problems: &mut Problems) -> Head {
    const KEYS: &[&str] = &[
        "name",
        "base_url",
        "target",
        "origins",
        "think_time",
        "pacing",
        "timeout",
        "redirects",
        "cookies",
        "headers",
        "data",
    ];
    let mut settings = Settings::read("#[scenario]", tokens, KEYS, &["data"], problems);
    let name = settings.text("name", "\"shop\"");
    if let Some((name, span)) = &name
        && !is_folder_name(name)
    {
        let message = format!(
            "the name {name:?} names a folder with results: use letters, digits, -, _ and ., and begin with a letter or a digit"
        );
        settings.problem(*span, message);
    }
    let name = name.map_or_else(|| kebab(type_name), |(name, _)| name);
    if let (Some(_), Some(span)) = (settings.span_of("base_url"), settings.span_of("target")) {
        settings.problem(
            span,
            "`target` and `base_url` both say where requests go: keep one of the two",
        );
    }
    let base_url = settings.text("base_url", "\"http://127.0.0.1:8080\"");
    let target = settings.text("target", "\"echo\"");
    let target = match (base_url, target) {
        (_, Some((word, span))) => {
            if word != "echo" {
                settings.problem(span, "the only target with a name is \"echo\": write target = \"echo\", or give the address as base_url");
            }
            quote!(OutlineTarget::Echo)
        }
        (Some((address, span)), None) => {
            if !address.contains("://") {
                let message =
                    format!("`base_url` has no scheme: did you mean \"http://{address}\"?");
                settings.problem(span, message);
            }
            quote!(OutlineTarget::At(#address))
        }
        (None, None) => quote!(OutlineTarget::Unsaid),
    };
    let headers = read_headers(&mut settings);
    let data = feed::read(&mut settings);
    Head {
        name: quote!(#name),
        target,
        origins: settings.texts(
            "origins",
            "origins(\"http://pay.test\", \"http://127.0.0.1:9090\")",
        ),
        think_time: settings
            .think_time("think_time")
            .unwrap_or_else(|| quote!(ThinkTime::None)),
        pacing: option(settings.length("pacing", "\"5s\"").map(duration)),
        time_limit: option(settings.length("timeout", "\"2s\"").map(duration)),
        redirects: option(
            settings
                .number::<u8>("redirects", "5", 255)
                .map(|(most, _)| quote!(#most)),
        ),
        cookies: settings.switch("cookies", "false").unwrap_or(true),
        headers,
        data,
    }
}

/// `headers(accept_language = "en")`, by the rules of RFC 9110 §5: what is sent later cannot fail on them.
fn read_headers(settings: &mut Settings<'_>) -> TokenStream {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (name, value, span) in settings.pairs(
        "headers",
        "headers(accept_language = \"en\", \"x-trace\" = \"1\")",
    ) {
        let name = name.replace('_', "-");
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            settings.problem(
                span,
                format!("{name:?} is not a header name: use letters, digits and -"),
            );
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            settings.problem(
                span,
                "the value holds a line break or another control character: remove it",
            );
        }
        names.push(name);
        values.push(value);
    }
    quote!(&[#((#names, #values)),*])
}

/// Reads the methods and takes our attributes off them.
pub fn read_methods(block: &mut ItemImpl, problems: &mut Problems) -> Methods {
    let mut methods = Methods::default();
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut method.attrs)
            .into_iter()
            .partition(|attribute| role(attribute).is_some());
        method.attrs = others;
        let Some(attribute) = own.first() else {
            continue;
        };
        if let Some(second) = own.get(1) {
            problems.add_over(second, format!(
                "`{}` has two roles: keep one of #[task], #[setup] and #[teardown], and call it from a second method if both are meant",
                method.sig.ident
            ));
        }
        let role = role(attribute).expect("only attributes with a role are kept");
        check_shape(role, method, problems);
        let result = match &method.sig.output {
            ReturnType::Default => method.sig.ident.span(),
            ReturnType::Type(_, result) => result.span(),
        };
        let found = Method {
            name: method.sig.ident.clone(),
            result,
        };
        let words = match &attribute.meta {
            Meta::Path(_) => TokenStream::new(),
            Meta::List(list) => list.tokens.clone(),
            Meta::NameValue(_) => {
                problems.add_over(
                    attribute,
                    format!("write it like #[{role}] or #[task(weight = 3)]"),
                );
                TokenStream::new()
            }
        };
        match role {
            "task" => methods.tasks.push(read_task(found, words, problems)),
            "setup" => {
                Settings::read("#[setup]", words, &[], &[], problems);
                methods.setups.push(found);
            }
            _ => {
                Settings::read("#[teardown]", words, &[], &[], problems);
                methods.teardowns.push(found);
            }
        }
    }
    methods
}

/// Which of our attributes this is, if any; `loadforge::task` is one as well as `task`.
fn role(attribute: &Attribute) -> Option<&'static str> {
    let last = attribute.path().segments.last()?;
    ROLES.into_iter().find(|role| last.ident == role)
}

fn read_task(method: Method, words: TokenStream, problems: &mut Problems) -> Task {
    const KEYS: &[&str] = &["weight", "name", "think_time", "pacing"];
    let mut settings = Settings::read("#[task]", words, KEYS, &[], problems);
    let weight = settings.number::<u32>("weight", "3", u32::MAX.into());
    Task {
        method,
        name: option(
            settings
                .text("name", "\"product\"")
                .map(|(name, _)| quote!(#name)),
        ),
        weight: weight.map_or(1, |(weight, _)| weight),
        think_time: option(settings.think_time("think_time")),
        pacing: option(settings.length("pacing", "\"5s\"").map(duration)),
    }
}

/// A method of ours is `async fn name(&mut self, user: &mut User) -> Outcome`.
fn check_shape(role: &str, method: &ImplItemFn, problems: &mut Problems) {
    let signature = &method.sig;
    let name = &signature.ident;
    let shape = format!("async fn {name}(&mut self, user: &mut User) -> Outcome");
    if signature.asyncness.is_none() {
        problems.add_over(
            signature.fn_token,
            format!("a #[{role}] waits for answers, so it is async: write `{shape}`"),
        );
    }
    if !signature.generics.params.is_empty() {
        problems.add_over(
            &signature.generics,
            format!("a #[{role}] has no generics: write `{shape}`"),
        );
    }
    let mut inputs = signature.inputs.iter();
    let receiver = match inputs.next() {
        Some(FnArg::Receiver(receiver)) => Some(receiver),
        _ => None,
    };
    match receiver {
        None => problems.add(
            name.span(),
            format!("a #[{role}] works on its user's own value: write `{shape}`"),
        ),
        Some(receiver) if receiver.reference.is_none() => {
            problems.add_over(receiver, format!("a #[{role}] borrows its user's value, which has to last for the next one: write `{shape}`"));
        }
        Some(_) => {}
    }
    let rest: Vec<&FnArg> = match receiver {
        Some(_) => inputs.collect(),
        None => signature.inputs.iter().collect(),
    };
    let is_user = |argument: &&FnArg| matches!(argument, FnArg::Typed(typed) if matches!(&*typed.ty, Type::Reference(to) if to.mutability.is_some()));
    match rest.as_slice() {
        [argument] if is_user(argument) => {}
        [] => problems.add_over(&signature.ident, format!("a #[{role}] acts through its user, and this one takes none: write `{shape}`")),
        [argument] => problems.add_over(argument, format!("a #[{role}] takes `user: &mut User` and nothing else: write `{shape}`")),
        [_, second, ..] => problems.add_over(second, format!("a #[{role}] takes its user and nothing else; what it needs beside that is kept in `self`: write `{shape}`")),
    }
    let is_unit = match &signature.output {
        ReturnType::Default => true,
        ReturnType::Type(_, result) => {
            matches!(&**result, Type::Tuple(tuple) if tuple.elems.is_empty())
        }
    };
    if is_unit {
        problems.add(
            name.span(),
            format!("a #[{role}] says how it went: write `{shape}` and end it with Ok(())"),
        );
    }
}

/// An `Option` as tokens.
pub fn option(tokens: Option<impl ToTokens>) -> TokenStream {
    match tokens {
        None => quote!(::core::option::Option::None),
        Some(tokens) => quote!(::core::option::Option::Some(#tokens)),
    }
}

/// As `document/` has it for the `name` of a file.
fn is_folder_name(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// `NightShopper` as `night-shopper`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::kebab;

    #[test]
    fn a_type_gives_its_scenario_a_name_in_small_letters() {
        for (name, expected) in [
            ("Shopper", "shopper"),
            ("NightShopper", "night-shopper"),
            ("Shop2", "shop2"),
            ("snake_case", "snake_case"),
        ] {
            assert_eq!(kebab(name), expected);
        }
    }
}
