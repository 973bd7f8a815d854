//! apalis on SQLite: a worker of the library runs the handler, here behind a gate.
use std::fs::OpenOptions;
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_sql::context::SqlContext;
use apalis_sql::sqlite::{SqlitePool, SqliteStorage};
use apalis_sql::{sqlx, Config};
use serde_json::{json, Value};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::time::{sleep, timeout};

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Handled {
    job: String,
}

/// What a handler waits for: whether it is to succeed.
type Verdicts = Arc<tokio::sync::Mutex<UnboundedReceiver<bool>>>;

struct Gate {
    dir: String,
    entered: UnboundedSender<(String, Instant)>,
    verdicts: Verdicts,
}

async fn handle(task: Handled, gate: Data<Arc<Gate>>) -> Result<(), Error> {
    gate.entered.send((task.job.clone(), Instant::now())).unwrap();
    if gate.verdicts.lock().await.recv().await != Some(true) {
        let told: Box<dyn std::error::Error + Send + Sync> = "told to fail".into();
        return Err(Error::Failed(Arc::new(told)));
    }
    let path = format!("{}/effects", gate.dir);
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{}", task.job).unwrap();
    file.sync_all().unwrap();
    Ok(())
}

struct Opened {
    pool: SqlitePool,
    storage: SqliteStorage<Handled>,
    worker: String,
    most: i32,
    gate: Arc<Gate>,
    entered: UnboundedReceiver<(String, Instant)>,
    verdict: UnboundedSender<bool>,
    held: Arc<Mutex<String>>,
    is_running: bool,
}

impl Opened {
    async fn open(args: &Value) -> Result<Opened, sqlx::Error> {
        let dir = args["dir"].as_str().unwrap().to_string();
        let pool = SqlitePool::connect(&format!("sqlite://{dir}/q.db?mode=rwc")).await?;
        SqliteStorage::setup(&pool).await?;
        // the documentation's defaults, but for the polling: nobody waits for long here
        let config =
            Config::new("q").set_poll_interval(Duration::from_millis(50)).set_buffer_size(1);
        let storage = SqliteStorage::new_with_config(pool.clone(), config);
        let (into, entered) = unbounded_channel();
        let (verdict, verdicts) = unbounded_channel();
        let gate =
            Gate { dir, entered: into, verdicts: Arc::new(tokio::sync::Mutex::new(verdicts)) };
        Ok(Opened {
            pool,
            storage,
            worker: args["worker"].as_str().unwrap().to_string(),
            most: args["max_attempts"].as_i64().unwrap() as i32,
            gate: Arc::new(gate),
            entered,
            verdict,
            held: Arc::default(),
            is_running: false,
        })
    }

    async fn enqueue(&mut self, job: &str) -> Result<Value, sqlx::Error> {
        let mut context = SqlContext::new();
        context.set_max_attempts(self.most);
        let request = Request::new_with_ctx(Handled { job: job.into() }, context);
        self.storage.push_request(request).await?;
        Ok(json!({}))
    }

    async fn take(&mut self, seconds: f64) -> Result<Value, sqlx::Error> {
        if !self.is_running {
            self.is_running = true;
            let worker = WorkerBuilder::new(&self.worker)
                .data(self.gate.clone())
                .concurrency(1)
                .backend(self.storage.clone())
                .build_fn(handle);
            tokio::spawn(Monitor::new().register(worker).run());
        }
        match timeout(Duration::from_secs_f64(seconds + 1.0), self.entered.recv()).await {
            Ok(Some((job, since))) => {
                *self.held.lock().unwrap() = job.clone();
                Ok(json!({"job": job, "age_ms": since.elapsed().as_millis() as u64}))
            }
            _ => Ok(json!({"job": null})),
        }
    }

    async fn finish(&mut self, how: &str) -> Result<Value, sqlx::Error> {
        self.verdict.send(how == "ok").unwrap();
        let held = self.held.lock().unwrap().clone();
        for _ in 0..250 {
            if !self.entered.is_empty()
                || !self.named("status = 'Running'").await?.iter().any(|(job, _)| *job == held)
            {
                return Ok(json!({}));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(sqlx::Error::WorkerCrashed)
    }

    /// Jobs, and why they failed last.
    async fn named(&self, condition: &str) -> Result<Vec<(String, Option<String>)>, sqlx::Error> {
        let query =
            format!("SELECT json_extract(job, '$.job'), last_error FROM Jobs WHERE {condition}");
        sqlx::query_as(&query).fetch_all(&self.pool).await
    }

    async fn state(&self) -> Result<Value, sqlx::Error> {
        let waits = "status = 'Pending' OR (status = 'Failed' AND attempts < max_attempts)";
        let over = "status = 'Killed' OR (status = 'Failed' AND attempts >= max_attempts)";
        let names = |rows: Vec<(String, Option<String>)>| -> Vec<String> {
            rows.into_iter().map(|(job, _)| job).collect()
        };
        let dead: Vec<Value> = self
            .named(over)
            .await?
            .into_iter()
            .map(|(job, reason)| json!({"job": job, "reason": reason}))
            .collect();
        let pending = names(self.named(waits).await?);
        let running = names(self.named("status IN ('Running', 'Queued')").await?);
        Ok(json!({"pending": pending, "running": running, "dead": dead}))
    }
}

#[tokio::main]
async fn main() {
    let mut opened: Option<Opened> = None;
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let args = &request["args"];
        let text = |name: &str| args[name].as_str().unwrap_or("").to_string();
        let op = request["op"].as_str().unwrap();
        let answer = match (op, opened.as_mut()) {
            ("hello", _) => {
                let promised = [
                    "core",
                    "at-least-once",
                    "exclusive",
                    "settled",
                    "retries",
                    "reasons",
                    "power",
                ];
                let claims: Vec<String> = promised
                    .iter()
                    .map(|each| each.to_string())
                    .chain(std::env::args().skip(1))
                    .map(|each| format!("queue/{each}"))
                    .collect();
                Ok(json!({
                "protocol": 1,
                "implementation": {"name": "apalis-sql, SQLite", "version": "0.7.4", "language": "Rust"},
                "claims": claims,
                "queue": {"effects": "file", "takes_ahead": true, "quiet_rounds": 3},
                }))
            }
            ("queue.open", _) => Opened::open(args).await.map(|made| {
                opened = Some(made);
                json!({})
            }),
            ("queue.enqueue", Some(queue)) => queue.enqueue(&text("job")).await,
            ("queue.take", Some(queue)) => queue.take(args["seconds"].as_f64().unwrap()).await,
            ("queue.finish", Some(queue)) => queue.finish(&text("how")).await,
            ("queue.state", Some(queue)) => queue.state().await,
            ("bye", _) => Ok(json!({})),
            _ => {
                println!("{}", json!({"id": request["id"], "unsupported": op}));
                continue;
            }
        };
        match answer {
            Ok(value) => println!("{}", json!({"id": request["id"], "ok": value})),
            Err(error) => {
                let error = json!({"code": "io", "message": error.to_string()});
                println!("{}", json!({"id": request["id"], "error": error}));
            }
        }
        if op == "bye" {
            break;
        }
    }
    std::process::exit(0);
}
