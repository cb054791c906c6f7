//! The code that `#[scenario]` stands for: the impl block as it was, and a `RustScript` beside it. Neighbours: `plan.rs` has read
//! the block. Invariant: when anything is wrong the block still comes out, so that the compiler tells nothing that follows from it.

use crate::{
    plan::{self, Head, Method, Methods, Task},
    settings::Problems,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, Item, ItemImpl, Type, spanned::Spanned};

/// What stands for `#[scenario]` on an item.
pub fn scenario(attribute: TokenStream, item: Item) -> TokenStream {
    let mut block = match item {
        Item::Impl(block) => block,
        other => {
            let message = "#[scenario] belongs on an impl block: write it above `impl Shopper { … }`, and the struct above that";
            let error = Error::new(Span::call_site(), message).to_compile_error();
            return quote!(#error #other);
        }
    };
    let mut problems = Problems::default();
    let mut is_plain = true;
    if let Some((_, path, _)) = &block.trait_ {
        is_plain = false;
        problems.add_over(path, "#[scenario] belongs on an impl block of the type's own, not of a trait: write `impl Shopper { … }`");
    }
    if !block.generics.params.is_empty() {
        is_plain = false;
        problems.add_over(&block.generics, "a scenario has no generics: each virtual user is begun from the one type that is named; write `impl Shopper { … }`");
    }
    let type_name = match &*block.self_ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    };
    let Some(type_name) = type_name else {
        problems.add_over(&block.self_ty, "#[scenario] belongs on an impl block of a struct or an enum: write `impl Shopper { … }`");
        let error = problems.to_compile_error();
        return quote!(#error #block);
    };
    let head = plan::read_head(attribute, &type_name, &mut problems);
    let methods = plan::read_methods(&mut block, &mut problems);
    if methods.tasks.is_empty() && is_plain {
        problems.add_over(&block.self_ty, format!(
            "`{type_name}` has no task: put #[task] on an `async fn browse(&mut self, user: &mut User) -> Outcome` of this block"
        ));
    } else if !methods.tasks.is_empty() && methods.tasks.iter().all(|task| task.weight == 0) {
        problems.add(methods.tasks[0].method.name.span(), "every task has weight 0, so there is nothing to do: give one of them a weight of at least 1");
    }
    match problems.to_compile_error() {
        None => {
            let script = script(&block, &head, &methods);
            quote!(#block #script)
        }
        Some(error) if is_plain => {
            let refused = refused(&block);
            quote!(#error #block #refused)
        }
        Some(error) => quote!(#error #block),
    }
}

/// What stands for an attribute of ours that is in the wrong place.
pub fn alone(attribute: &str, item: &TokenStream) -> TokenStream {
    let message = format!(
        "#[{attribute}] belongs on a method of an impl block with #[scenario]: write #[scenario] above the impl block"
    );
    let error = Error::new(Span::call_site(), message).to_compile_error();
    quote!(#error #item)
}

fn script(block: &ItemImpl, head: &Head, methods: &Methods) -> TokenStream {
    let Head {
        name,
        target,
        origins,
        think_time,
        pacing,
        time_limit,
        redirects,
        cookies,
        headers,
        data,
    } = head;
    let tasks = methods.tasks.iter().map(|task| {
        let Task {
            method: _,
            name,
            weight,
            think_time,
            pacing,
        } = task;
        quote!(TaskOutline { name: #name, weight: #weight, think_time: #think_time, pacing: #pacing })
    });
    let outline = quote!(&Outline {
        name: #name,
        target: #target,
        origins: &[#(#origins),*],
        think_time: #think_time,
        pacing: #pacing,
        time_limit: #time_limit,
        redirects: #redirects,
        cookies: #cookies,
        headers: #headers,
        data: #data,
        tasks: &[#(#tasks),*],
    });
    let setups = methods.setups.iter().map(call);
    let teardowns = methods.teardowns.iter().map(call);
    let calls = methods.tasks.iter().map(|task| call(&task.method));
    let indices = 0..methods.tasks.len();
    let bodies = quote! {
        async fn setup(&mut self, user: &mut User) -> Outcome {
            #(#setups?;)*
            Outcome::Ok(())
        }
        async fn task(&mut self, index: usize, user: &mut User) -> Outcome {
            match index {
                #(#indices => #calls,)*
                _ => ::core::unreachable!("a task is picked by its place in the outline"),
            }
        }
        async fn teardown(&mut self, user: &mut User) -> Outcome {
            #(#teardowns?;)*
            Outcome::Ok(())
        }
    };
    implementation(block, outline, &bodies)
}

/// A call whose result is an outcome; when it is not, the compiler points at the result type of the method.
fn call(method: &Method) -> TokenStream {
    let name = &method.name;
    let called = quote_spanned!(method.result=> Self::#name(self, user).await);
    quote!({
        let outcome: Outcome = #called;
        outcome
    })
}

/// A script that is never lived: it keeps the compiler from telling that a refused scenario is no scenario.
fn refused(block: &ItemImpl) -> TokenStream {
    let bodies = quote! {
        async fn setup(&mut self, user: &mut User) -> Outcome {
            Outcome::Ok(())
        }
        async fn task(&mut self, index: usize, user: &mut User) -> Outcome {
            Outcome::Ok(())
        }
        async fn teardown(&mut self, user: &mut User) -> Outcome {
            Outcome::Ok(())
        }
    };
    implementation(block, quote!(Outline::REFUSED), &bodies)
}

fn implementation(block: &ItemImpl, outline: impl ToTokens, bodies: &TokenStream) -> TokenStream {
    let scenario = &block.self_ty;
    // The type's own place: a missing `Default` is told there.
    let head =
        quote_spanned!(scenario.span()=> impl ::loadforge::rust_scenario::RustScript for #scenario);
    quote! {
        const _: () = {
            #[allow(unused_imports)]
            use ::loadforge::rust_scenario::{
                AtEnd, DataFormat, DataOutline, Hold, Outcome, Outline, OutlineTarget, RustScript, Strategy, TaskOutline,
                ThinkTime, User,
            };
            #[automatically_derived]
            #[allow(unused_variables, clippy::unused_async)]
            #head {
                const OUTLINE: &'static Outline = #outline;
                #bodies
            }
        };
    }
}
