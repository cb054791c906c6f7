//! The Rust door of `cargo xtask bench-doors`: the same as `door.toml`, with a capture, a variable and a check.

use loadforge::prelude::*;

/// Remembers what it captured last.
#[derive(Default)]
struct Door {
    host: String,
}

#[scenario(name = "door")]
impl Door {
    #[task]
    async fn ask(&mut self, user: &mut User) -> Outcome {
        let request = user.get("/headers").name("headers");
        let answer = request.header("x-last", &self.host).send().await?;
        answer.expect_status(200)?;
        self.host = answer.capture_json("$.host")?;
        Ok(())
    }
}

loadforge::main!(Door);
