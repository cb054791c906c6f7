//! A shop with two kinds of visitors, written in Rust. Run it with
//!
//!     cargo run --release --example shop -- run --users 20
//!     loadforge run scenarios/examples/rust/shop.rs --users 20
//!
//! `target = "echo"` starts LoadForge's own server; give a URL to aim elsewhere: `shop run http://127.0.0.1:8080 --users 20`.

use loadforge::prelude::*;

/// Looks around and never buys.
#[derive(Default)]
struct Browser {
    /// The product that was looked at last: what is beside it is looked at next.
    last: i64,
}

#[scenario(target = "echo", think_time = "5ms..15ms")]
impl Browser {
    #[task(weight = 3)]
    async fn look_at_a_product(&mut self, user: &mut User) -> Outcome {
        let step = user.random().number(-3..=3);
        self.last = (self.last + step).clamp(1, 500);
        let path = format!("/products/{}", self.last);
        // Without a name, each of the 500 products would be a row in the report.
        let answer = user.get(&path).name("product").send().await?;
        answer.expect_body_contains("hello")
    }

    #[task(name = "search")]
    async fn search(&mut self, user: &mut User) -> Outcome {
        let words = ["shoes", "red shoes", "hat"];
        let wanted = user.random().pick(&words).copied().unwrap_or("shoes");
        user.get("/search").query("q", wanted).send().await?;
        Ok(())
    }
}

/// Logs in, fills a basket, pays.
#[derive(Default)]
struct Buyer {
    token: String,
}

#[scenario(
    target = "echo",
    think_time = "10ms",
    headers(accept = "application/json")
)]
impl Buyer {
    #[setup]
    async fn log_in(&mut self, user: &mut User) -> Outcome {
        // The echo server answers with what it was sent; a real one would make the token.
        let secret = user.random().text(12);
        let login = json!({ "user": user.id(), "auth": { "token": secret } });
        let answer = user
            .post("/echo")
            .name("log in")
            .json(&login)
            .send()
            .await?;
        self.token = answer.capture_json("$.auth.token")?;
        Ok(())
    }

    #[task]
    async fn buy(&mut self, user: &mut User) -> Outcome {
        let token = format!("Bearer {}", self.token);
        let items = user.random().number(1..=3);
        user.group("checkout", async |user| {
            for item in 0..items {
                let line = json!({ "product": item, "price": 9.5 });
                let request = user.post("/echo").name("put into basket");
                let answer = request
                    .header("authorization", &token)
                    .json(&line)
                    .send()
                    .await?;
                answer.expect_json("$.price", 9.5)?;
            }
            let request = user.post("/checkout").header("authorization", &token);
            request.send().await?.expect_status(200)
        })
        .await?;
        user.metric("basket").record(9.5 * items as f64);
        Ok(())
    }

    #[teardown]
    async fn log_out(&mut self, user: &mut User) -> Outcome {
        user.delete("/login").name("log out").send().await?;
        Ok(())
    }
}

// Of four users, three look around and one buys; of four iterations of a rate, too.
loadforge::main!(Browser = 3, Buyer = 1);
