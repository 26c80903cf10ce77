//! `registry-check demo`: the main job on registries inside this process.

use std::io::Write;
use std::sync::Arc;

use futures::FutureExt;

use super::Error;
use super::check;
use super::interrupt::Interruptions;
use super::options::{self, CheckOptions};
use crate::cli::{CheckArgs, CommonArgs, DemoArgs};
use crate::credentials::{self, Environment, Sources};
use crate::demo::World;
use crate::exit;
use crate::gate;
use crate::inputs::{self, Source};
use crate::mirrors::{self, MirrorSpec, UpstreamSpec};
use crate::model::code::Code;
use crate::model::endpoint::Role;
use crate::model::run::{Ending, Run};
use crate::plan;
use crate::report::{self, Format};

const LIST_NAME: &str = "demo.txt";

/// Runs the demo; exits 0 when every verdict is the one that its registry was built to earn.
pub(super) async fn run(args: &DemoArgs, common: &CommonArgs) -> Result<u8, Error> {
    let interruptions = Interruptions::listen().map_err(Error::Signals)?;
    let world = World::start().map_err(Error::Demo)?;
    let list = world.images().join("\n");
    let sources = [Source::Stdin];
    let mut inputs = inputs::read(&sources, list.as_bytes(), &inputs::Options::default())?;
    // What the list is called in the commands below the report.
    let name: Arc<str> = LIST_NAME.into();
    inputs.images.iter_mut().for_each(|image| image.origin.file = Arc::clone(&name));
    let options = check_options(&world, common)?;
    let plan =
        plan::expand(inputs.images, &options.mirrors, options.reach.clone()).map_err(Error::Registries)?;
    // Nobody's credentials: these registries want none.
    let sources = Arc::new(Sources::new(credentials::Options::default(), &Environment::default())?);
    let run = check::pass(plan, &options, sources, interruptions.asking().boxed(), None).await?;
    interruptions.writing();
    let decision = gate::decide(&options.terms(), &run);
    let view = check::view(&run, &decision, &options.policy, exit::code(run.ending, decision.outcome));
    let mut text = Vec::new();
    let rendered = report::render(Format::Table, &view, &options::table_style(common), &mut text);
    let surprises = surprises(&run);
    let told = rendered.and_then(|()| tell(&world, args, &text, &surprises));
    if let Err(error) = told
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(Error::Outputs(vec![super::OutputError {
            path: "standard output".into(),
            why: error.to_string(),
        }]));
    }
    if run.ending == Ending::Interrupted || interruptions.heard_at().is_some() {
        return Ok(exit::INTERRUPTED);
    }
    if args.serve {
        interruptions.serving().await;
        return Ok(exit::PASSED);
    }
    Ok(if surprises.is_empty() { exit::PASSED } else { exit::FAILED })
}

fn check_options(world: &World, common: &CommonArgs) -> Result<CheckOptions, Error> {
    let specs = world.mirrors().into_iter().map(|mirror| MirrorSpec {
        place: "demo".to_owned(),
        name: Some(mirror.name.to_owned()),
        url: mirror.url,
        ..MirrorSpec::default()
    });
    let upstream = UpstreamSpec {
        place: "demo".to_owned(),
        name: "docker.io".to_owned(),
        url: Some(world.upstream()),
        ..UpstreamSpec::default()
    };
    let mirrors = mirrors::build(specs.collect(), vec![upstream]).map_err(Error::Mirrors)?;
    Ok(CheckOptions { mirrors, ..options::defaults(&CheckArgs::default(), common)? })
}

/// Verdicts that are not what their registry was built to earn, in words.
fn surprises(run: &Run) -> Vec<String> {
    let unexpected = run.results.iter().filter_map(|result| {
        let endpoint = &run.endpoints[result.endpoint as usize];
        let image = &run.images[result.image as usize];
        let earned = match endpoint.role {
            Role::Upstream => Code::Served,
            Role::Mirror => World::earned(&endpoint.name, image.repository()),
        };
        let code = result.verdict.code;
        (code != earned).then(|| {
            format!("{image} at {}: {code} ({}), expected {earned}", endpoint.name, result.verdict.reason)
        })
    });
    unexpected.collect()
}

fn tell(world: &World, args: &DemoArgs, table: &[u8], surprises: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(table)?;
    writeln!(out)?;
    if surprises.is_empty() {
        writeln!(
            out,
            "Every verdict is the one that its registry was built to earn, so the demo itself exits 0 \
(a check with this outcome exits 1)."
        )?;
    } else {
        writeln!(out, "Not what these registries were built to earn:")?;
        surprises.iter().try_for_each(|line| writeln!(out, "  {}", report::escape::terminal(line)))?;
    }
    if args.serve {
        writeln!(out, "\nThe registries stay up until Ctrl-C. The same by hand, in another terminal:\n")?;
    } else {
        writeln!(
            out,
            "\nThe same by hand, while `registry-check demo --serve` runs (its ports will differ):\n"
        )?;
    }
    by_hand(world, &mut out)?;
    out.flush()
}

/// Commands that a reader can copy.
fn by_hand(world: &World, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "cat > demo.toml <<'EOF'")?;
    writeln!(out, "[[registries]]\nname = \"docker.io\"\nurl = \"{}\"", world.upstream())?;
    for mirror in world.mirrors() {
        writeln!(out, "\n[[mirrors]]\nname = \"{}\"\nurl = \"{}\"", mirror.name, mirror.url)?;
    }
    writeln!(out, "EOF")?;
    writeln!(out, "cat > {LIST_NAME} <<'EOF'")?;
    world.images().iter().try_for_each(|image| writeln!(out, "{image}"))?;
    writeln!(out, "EOF")?;
    writeln!(out, "registry-check --config demo.toml {LIST_NAME}")?;
    let upstream = world.upstream();
    let authority = upstream.trim_start_matches("http://");
    writeln!(out, "curl --head {upstream}/v2/library/nginx/manifests/1.25")?;
    writeln!(out, "skopeo inspect --tls-verify=false docker://{authority}/library/nginx:1.25")
}
