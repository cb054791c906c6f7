//! A load test in Rust. Each virtual user is a value of the struct below; the methods are what the user does.
//!
//! It aims at LoadForge's own echo server. To test a server of yours, put base_url = "http://127.0.0.1:8080" in the place of
//! target = "echo", or name it when you run it: `run http://127.0.0.1:8080`.

use loadforge::prelude::*;

/// What one user remembers. Every user begins with `Visitor::default()`.
#[derive(Default)]
struct Visitor {
    token: String,
    pages: u32,
}

// How long a user pauses after each task. Other keys: pacing = "5s", timeout = "2s", redirects = 0, cookies = false,
// headers(accept_language = "en").
#[scenario(name = "lesson", target = "echo", think_time = "10ms..30ms")]
impl Visitor {
    /// Once for each user, before everything else. When it fails, it is tried again a second later.
    #[setup]
    async fn log_in(&mut self, user: &mut User) -> Outcome {
        let login = json!({ "user": "ann", "token": "secret" });
        // `?` ends the method when the request fails: no connection, too late, a status of 400 and above.
        let answer = user
            .post("/echo")
            .name("log in")
            .json(&login)
            .send()
            .await?;
        self.token = answer.capture_json("$.token")?;
        Ok(())
    }

    /// Over and over: one task after another, drawn by weight. This one is drawn three times as often as `search`.
    #[task(weight = 3)]
    async fn look(&mut self, user: &mut User) -> Outcome {
        self.pages += 1;
        let path = format!("/products/{}", user.random().number(1..=500));
        // The name is the row in the report; without one it would be the path, 500 of them here.
        let answer = user
            .get(&path)
            .name("product")
            .header("authorization", &self.token)
            .send()
            .await?;
        // What the answer has to be. If it is not, the request counts as failed.
        answer.expect_body_contains("hello")
    }

    /// A task may send several requests; the first that fails ends it.
    #[task]
    async fn search(&mut self, user: &mut User) -> Outcome {
        user.get("/search").send().await?;
        user.sleep(std::time::Duration::from_millis(5)).await;
        user.get("/search/results")
            .query("q", "red shoes")
            .send()
            .await?
            .expect_status(200)
    }

    /// Once for each user, at the end.
    #[teardown]
    async fn log_out(&mut self, user: &mut User) -> Outcome {
        user.metric("pages seen").record(f64::from(self.pages));
        user.delete("/login").name("log out").send().await?;
        Ok(())
    }
}

// The whole command line: run, preview, report, … Several scenarios share the load: loadforge::main!(Visitor = 3, Buyer = 1);
loadforge::main!(Visitor);

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge::testing::{Answer, Deed, MemoryRun};
    use std::sync::Arc;

    /// A scenario can be tried in memory: no server, and ten seconds of its life in a moment.
    #[test]
    fn a_visitor_logs_in_before_anything_else() {
        let visitor: Arc<dyn Scenario> = Arc::new(RustScenario::of::<Visitor>());
        let server = |_: &_| Answer::body(r#"{ "token": "t-1", "text": "hello" }"#);
        let deeds = MemoryRun::new(server).play(&visitor);
        let first = deeds.iter().find_map(|event| match &event.deed {
            Deed::Sent(request) => Some(request),
            _ => None,
        });
        assert_eq!(first.expect("something was sent").name, "log in");
    }
}
