//! One visit to a shop, written in Rust: the same as `doors.rs` has as TOML and as a recording.

use loadforge::prelude::*;

#[derive(Default)]
struct Visit;

#[scenario]
impl Visit {
    #[task]
    async fn visit(&mut self, user: &mut User) -> Outcome {
        let login = json!({ "user": "ann" });
        let login = user.post("/login").name("POST /login").json(&login);
        login.send().await?;
        for product in [7, 8] {
            let path = format!("/products/{product}");
            let page = user.get(&path).name("GET /products/{id}").send().await?;
            page.expect_status(200)?;
        }
        let search = user.get("/search").query("q", "red shoes");
        search.name("GET /search").send().await?;
        let order = json!({ "product": 7 });
        user.post("/echo")
            .name("POST /echo")
            .json(&order)
            .send()
            .await?
            .expect_body_contains("7")
    }
}

loadforge::main!(Visit);
