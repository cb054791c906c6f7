//! A scenario whose author has slipped: it panics now and then, or ends its worker where LEAVES says in which iteration. For
//! `rust_scenarios.rs`.

use loadforge::prelude::*;

#[derive(Default)]
struct Clumsy {
    turns: u32,
}

#[scenario(think_time = "1ms")]
impl Clumsy {
    #[task]
    async fn stumble(&mut self, user: &mut User) -> Outcome {
        self.turns += 1;
        user.get("/steady").send().await?;
        if std::env::var("LEAVES").is_ok_and(|turn| turn == self.turns.to_string()) {
            std::process::exit(0);
        }
        assert!(self.turns < 3, "three is too much");
        Ok(())
    }
}

loadforge::main!(Clumsy);
