//! Headless Chromium, asked through its ChromeDriver: the few commands of WebDriver that the tests need.
//!
//! Sources: W3C, "WebDriver"; ChromeDriver's own `/goog/cdp/execute` and `goog:loggingPrefs`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::DEADLINE;
use super::process::Process;

/// Under this key an element is named in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page; dropping it ends browser and driver.
pub struct Browser {
    port: u16,
    session: String,
    /// Its process.
    browser: Option<i64>,
    _driver: Process,
    _home: TempDir,
}

/// The keys that tests press.
#[derive(Clone, Copy)]
pub enum Key {
    Tab,
    Enter,
    Space,
}

impl Browser {
    /// Starts Chromium with a window of so many pixels.
    pub fn start(width: u32, height: u32) -> Self {
        let home = TempDir::new().expect("a temporary directory");
        let path = home.path().display();
        // It tells its port on standard output, and both programs look for places in their environment.
        // The port that it finds free for IPv6 may be taken for IPv4 by then: it ends, and finds another one.
        let script = format!(
            "exec env PATH=\"$0\" HOME='{path}' TMPDIR='{path}' XDG_CONFIG_HOME='{path}' chromedriver --port=0 1>&2"
        );
        let search = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
        let start = || {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &script, &search]);
            Process::start(command, listening_on)
        };
        let mut started = start();
        for _ in 0..5 {
            match &started {
                Err(stderr) if stderr.contains("Address already in use") => started = start(),
                _ => break,
            }
        }
        let (driver, port) = started.unwrap_or_else(|stderr| {
            panic!("chromedriver ended at once (tests/run installs what is missing):\n{stderr}")
        });
        let options = json!({"args": [
            "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--force-prefers-reduced-motion",
            // As root it refuses to start otherwise; it only ever sees our own page.
            "--no-sandbox",
        ]});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"script": 30_000, "pageLoad": 30_000},
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let session = ask(port, "POST", "/session", &wanted)
            .unwrap_or_else(|error| panic!("no browser: {error}\n{}", driver.stderr()));
        let id = session["sessionId"].as_str().expect("a session").to_owned();
        let browser = session["capabilities"]["goog:processID"].as_i64();
        let browser = Self { port, session: id, browser, _driver: driver, _home: home };
        browser.resize(width, height);
        browser
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        ask(self.port, method, &path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Gives the page so many pixels; narrow ones are a phone's.
    pub fn resize(&self, width: u32, height: u32) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}),
        );
    }

    /// A command of the DevTools protocol.
    pub fn devtools(&self, command: &str, params: Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }

    /// Opens a file and waits until it is loaded.
    pub fn open(&self, file: &Path) {
        self.command("POST", "/url", &json!({"url": format!("file://{}", file.display())}));
    }

    /// What a script returns.
    pub fn script(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true: looked at before each frame, for half a minute at most.
    pub fn wait(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0]; const look = () => ({expression}) ? done() : requestAnimationFrame(look); look();"
        );
        self.command("POST", "/execute/async", &json!({"script": script, "args": []}));
    }

    fn element(&self, selector: &str) -> String {
        let found = self.command("POST", "/element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    /// Clicks where a person would: it fails where something else is in front.
    pub fn click(&self, selector: &str) {
        self.command("POST", &format!("/element/{}/click", self.element(selector)), &json!({}));
    }

    /// Types into a field.
    pub fn type_into(&self, selector: &str, text: &str) {
        let path = format!("/element/{}/value", self.element(selector));
        self.command("POST", &path, &json!({"text": text}));
    }

    /// Presses and lets go of a key.
    pub fn press(&self, key: Key) {
        let value = match key {
            Key::Tab => "\u{e004}",
            Key::Enter => "\u{e007}",
            Key::Space => " ",
        };
        let keys = json!([{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]);
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": keys}]});
        self.command("POST", "/actions", &actions);
    }

    /// Role and name of every element that matches, as assistive technology is told.
    pub fn accessible(&self, selector: &str) -> Vec<(String, String)> {
        let found = self.command("POST", "/elements", &json!({"using": "css selector", "value": selector}));
        let ids = found
            .as_array()
            .expect("elements")
            .iter()
            .map(|each| each[ELEMENT].as_str().expect("an element"));
        let tell = |id: &str, what: &str| {
            let told = self.command("GET", &format!("/element/{id}/{what}"), &Value::Null);
            told.as_str().expect("text").to_owned()
        };
        ids.map(|id| (tell(id, "computedrole"), tell(id, "computedlabel"))).collect()
    }

    /// What was written to the console since this was last asked.
    pub fn console(&self) -> Vec<String> {
        self.log("browser")
            .iter()
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The URLs that were asked for since this was last asked.
    pub fn requested(&self) -> Vec<String> {
        let entries = self.log("performance");
        let messages = entries.iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let is_request = message["message"]["method"] == "Network.requestWillBeSent";
            is_request.then(|| message["message"]["params"]["request"]["url"].as_str().map(str::to_owned))?
        });
        messages.collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.command("POST", "/se/log", &json!({"type": kind}));
        entries.as_array().expect("entries").clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let ended = ask(self.port, "DELETE", &format!("/session/{}", self.session), &Value::Null);
        // A driver that does not answer leaves its browser behind.
        if let (Err(_), Some(browser)) = (ended, self.browser) {
            Command::new("/bin/sh").args(["-c", &format!("kill -KILL {browser}")]).status().ok();
        }
    }
}

fn listening_on(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("started successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}

/// One command over a connection of its own: its value, or what went wrong.
fn ask(port: u16, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = exchange(port, method, path, &body).map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
    let value = answer["value"].take();
    if status == 200 { Ok(value) } else { Err(value.to_string()) }
}

/// HTTP/1.1, which is all that the driver speaks.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
    let odd = || io::Error::other("an odd answer");
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    let mut answer = BufReader::new(stream);
    let (mut status, mut length) = (None, None);
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
            }
            None if line.starts_with("HTTP/") => {
                status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
            }
            None => break,
            Some(_) => {}
        }
    }
    let mut body = vec![0; length.ok_or_else(odd)?];
    answer.read_exact(&mut body)?;
    Ok((status.ok_or_else(odd)?, body))
}
