//! Files in other forms than that of lines and tables, edited in place: lists and maps of YAML on one line, lists of tables of
//! TOML; and how the registry itself is asked.

use super::*;

/// What becomes of `old`.
fn edited(world: &World, kind: &str, file: &str, old: &str) -> String {
    let tool = world.tool().file(file, world.fill(old));
    let output = tool.line("mirrors export images.txt --retries 0 --to").args([kind, "--base", file]).run();
    assert_eq!(output.code, Some(0), "{old}\n{output:?}");
    output.stdout
}

/// Without the reasons for what is left out.
fn without_why(text: &str) -> String {
    let why = |line: &str| {
        line.split_once("digest-differs").map_or(line.to_owned(), |(before, _)| format!("{before}WHY"))
    };
    text.lines().map(|line| why(line) + "\n").collect()
}

#[test]
fn lists_and_maps_of_yaml_on_one_line_are_edited_in_place() {
    let world = World::new();
    const NEW: &str = "\"http://{good}\", \"http://{down}\"";
    const LEFT: &str = "# left out by registry-check: http://{stale}: WHY\n";
    let lines = "      - \"http://{good}\"\n      - \"http://{down}\"\n      # left out by registry-check: http://{stale}: WHY\n";
    for (old, expected) in [
        (
            "# top\nmirrors:\n  docker.io:\n    endpoint: [\"http://old\", 'http://{stale}'] # ours\n    rewrite: {\"^rancher/(.*)\": \"m/$1\"}\n  \"*\": {endpoint: [\"https://any.example\"]}\n",
            format!(
                "# top\nmirrors:\n  docker.io:\n    endpoint: # ours\n{lines}      - \"http://old\"\n    rewrite: {{\"^rancher/(.*)\": \"m/$1\"}}\n  \"*\": {{endpoint: [\"https://any.example\"]}}\n"
            ),
        ),
        (
            "mirrors:\n  docker.io:\n    endpoint: [\n      # above\n      \"http://old\", # of old\n      http://other\n    ]\nconfigs: {}\n",
            format!(
                "mirrors:\n  docker.io:\n    endpoint:\n{lines}      # above\n      - \"http://old\" # of old\n      - http://other\nconfigs: {{}}\n"
            ),
        ),
        (
            "mirrors:\n  docker.io: {rewrite: {\"^a\": b}, endpoint: [http://{stale}, \"http://{good}\", 'http://old']} # why\n",
            format!(
                "mirrors:\n  docker.io: {{rewrite: {{\"^a\": b}}, endpoint: [{NEW}, 'http://old']}} # why\n{LEFT}"
            ),
        ),
        (
            "mirrors: {quay.io: {endpoint: [x.example]}}\n",
            format!(
                "mirrors: {{docker.io: {{endpoint: [{NEW}]}}, quay.io: {{endpoint: [x.example]}}}}\n{LEFT}"
            ),
        ),
        ("mirrors: {} # none\n", format!("mirrors: {{docker.io: {{endpoint: [{NEW}]}}}} # none\n{LEFT}")),
        ("mirrors:\n  docker.io: {}\n", format!("mirrors:\n  docker.io: {{endpoint: [{NEW}]}}\n{LEFT}")),
        (
            "mirrors:\n  docker.io: {endpoint: }\n",
            format!("mirrors:\n  docker.io: {{endpoint: [{NEW}]}}\n{LEFT}"),
        ),
        (
            "{\n  \"mirrors\": {\"docker.io\": {\"endpoint\": [\"http://old\"]}}\n}\n",
            format!(
                "{{\n  \"mirrors\": {{\"docker.io\": {{\"endpoint\": [{NEW}, \"http://old\"]}}}}\n}}\n{LEFT}"
            ),
        ),
    ] {
        let told = edited(&world, "k3s", "registries.yaml", old);
        assert_eq!(without_why(&told), world.fill(&expected), "{old}");
        assert_eq!(edited(&world, "k3s", "registries.yaml", &told), told, "once more changes nothing");
    }
}

#[test]
fn lists_of_tables_of_toml_are_edited_in_place() {
    let world = World::new();
    let table = |place: &str| format!("{{ location = \"{place}\", insecure = true }}");
    let (good, down) = (table("{good}"), table("{down}"));
    const LEFT: &str = "# left out by registry-check: {stale}: WHY\n";
    for (old, expected) in [
        (
            "# top\nregistry = [{location=\"a.io\"}, {location=\"docker.io\", mirror=[{location=\"old\"}]}] # end\n",
            format!(
                "# top\nregistry = [{{location=\"a.io\"}}, {{location=\"docker.io\", mirror=[{good}, {down}, {{location=\"old\"}}]}}] # end\n{LEFT}"
            ),
        ),
        (
            "[[registry]]\nlocation = \"docker.io\"\nmirror = [ # start\n  # above\n  { location = \"old\" }, # of old\n  { location = \"{good}\", insecure = true }, # of good\n  # of stale\n  { location = \"{stale}\" },\n  # last\n]\n",
            format!(
                "[[registry]]\nlocation = \"docker.io\"\nmirror = [ # start\n  {good}, # of good\n  {down},\n  # above\n  {{ location = \"old\" }}, # of old\n  # last\n]\n{LEFT}# of stale\n# [[registry.mirror]]\n# location = \"{{stale}}\"\n"
            ),
        ),
        (
            "registry = [\n  {location=\"a.io\"}, # of a\n]\n",
            format!(
                "registry = [\n  {{location=\"a.io\"}}, # of a\n  {{ location = \"docker.io\", mirror = [{good}, {down}] }},\n]\n{LEFT}"
            ),
        ),
        (
            "registry = [\n  {location=\"docker.io\", mirror=[{location=\"{stale}\"} # of stale\n  , {location=\"{good}\", insecure=true} # of good\n  ]} # of both\n]\n",
            format!(
                "registry = [\n  {{location=\"docker.io\", mirror=[\n   {{location=\"{{good}}\", insecure=true}}, # of good\n   {down},\n  ]}} # of both\n]\n{LEFT}# of stale\n# [[registry.mirror]]\n# location = \"{{stale}}\"\n"
            ),
        ),
        (
            "[[registry]]\nlocation = \"docker.io\"\nmirror = [ # none yet\n]\n",
            format!(
                "[[registry]]\nlocation = \"docker.io\"\nmirror = [ # none yet\n  {good},\n  {down},\n]\n{LEFT}"
            ),
        ),
        (
            "registry = []\n",
            format!("registry = [{{ location = \"docker.io\", mirror = [{good}, {down}] }}]\n{LEFT}"),
        ),
    ] {
        let told = edited(&world, "registries-conf", "registries.conf", old);
        assert_eq!(without_why(&told), world.fill(&expected), "{old}");
        let again = edited(&world, "registries-conf", "registries.conf", &told);
        assert_eq!(again, told, "once more changes nothing");
    }
}

#[test]
fn what_is_written_above_a_mirror_table_that_is_left_out_stays_with_it() {
    let world = World::new();
    let old = "[[registry]]\nlocation = \"docker.io\"\n\n\
               [[registry.mirror]]\nlocation = \"{good}\"\ninsecure = true\n\n\
               # why this mirror: ticket 4711\n  # and 4712\n[[registry.mirror]] # old\n# its place\n\
               location = \"{stale}\" # here\ninsecure = true\n\n# quay\n[[registry]]\nlocation = \"quay.io\"\n";
    let expected = "[[registry]]\nlocation = \"docker.io\"\n\n\
                    [[registry.mirror]]\nlocation = \"{good}\"\ninsecure = true\n\n\
                    [[registry.mirror]]\nlocation = \"{down}\"\ninsecure = true\n\n\
                    # quay\n[[registry]]\nlocation = \"quay.io\"\n\
                    # left out by registry-check: {stale}: WHY\n\
                    # why this mirror: ticket 4711\n  # and 4712\n# [[registry.mirror]] # old\n# its place\n\
                    # location = \"{stale}\" # here\n# insecure = true\n";
    let told = edited(&world, "registries-conf", "registries.conf", old);
    assert_eq!(without_why(&told), world.fill(expected));
    assert_eq!(
        edited(&world, "registries-conf", "registries.conf", &told),
        told,
        "once more changes nothing"
    );
}

#[test]
fn what_is_written_as_null_of_yaml_gets_lines_of_its_own() {
    let world = World::new();
    let list = "    endpoint:\n      - \"http://{good}\"\n      - \"http://{down}\"\n      # left out by registry-check: http://{stale}: WHY\n";
    for (old, expected) in [
        ("mirrors: null\n", format!("mirrors:\n  docker.io:\n{list}")),
        ("mirrors: # none\n", format!("mirrors: # none\n  docker.io:\n{list}")),
        (
            "mirrors:\n  \"docker.io\": null\nconfigs: ~\n",
            format!("mirrors:\n  \"docker.io\":\n{list}configs: ~\n"),
        ),
        ("mirrors:\n  docker.io: ~ # none yet\n", format!("mirrors:\n  docker.io:  # none yet\n{list}")),
        ("mirrors:\n  docker.io:\n    endpoint: NULL\n", format!("mirrors:\n  docker.io:\n{list}")),
    ] {
        let told = edited(&world, "k3s", "registries.yaml", old);
        assert_eq!(without_why(&told), world.fill(&expected), "{old}");
        let again = edited(&world, "k3s", "registries.yaml", &told);
        assert_eq!(again, told, "once more changes nothing");
    }
}

#[test]
fn that_the_registry_itself_is_asked_over_http_is_not_lost() {
    let world = World::new();
    let config = format!(
        "[[registries]]\nname = \"reg.invalid:5000\"\nplain_http = true\n\
         [[registries]]\nname = \"un.invalid\"\ninsecure = true\n\
         [[registries]]\nname = \"else.invalid\"\nurl = \"{}\"\n\
         [[mirrors]]\nurl = \"{}\"\nfor = [\"reg.invalid:5000\", \"un.invalid\", \"else.invalid\"]\n",
        world.upstream.url(),
        world.good.url()
    );
    let run = |kind: &str, file: &str, text: &str| {
        let tool = Tool::new()
            .file("images.txt", "reg.invalid:5000/library/app:1.0\nun.invalid/library/app:1.0\nelse.invalid/library/app:1.0\n")
            .file("registry-check.toml", &config)
            .file(file, text);
        let base = file.split('/').next().unwrap();
        tool.line("mirrors export images.txt --retries 0 --to").args([kind, "--base", base]).run()
    };
    let good = world.good.authority();
    let mirror = format!("[host.\"http://{good}\"]\ncapabilities = [\"pull\", \"resolve\"]\n");
    let elsewhere = format!(
        "else.invalid: the registry itself was asked at {}, which is not written",
        world.upstream.url()
    );
    let told = |output: &Output, registry: &str| {
        output
            .stderr
            .lines()
            .any(|line| line.starts_with(&format!("warn: {registry}: the registry itself was asked")))
    };

    let output = run("containerd", "certs.d/un.invalid/hosts.toml", "# ours\n");
    let first = format!("# reg.invalid_5000_/hosts.toml\nserver = \"http://reg.invalid:5000\"\n\n{mirror}");
    assert!(output.stdout.starts_with(&first), "{}", output.stdout);
    assert_eq!(output.stdout.matches("server").count(), 1, "{}", output.stdout);
    assert!(output.stderr.contains(&elsewhere), "{output:?}");
    assert_eq!((told(&output, "reg.invalid:5000"), told(&output, "un.invalid")), (false, true));

    let there = "server = \"https://reg.invalid:5000\"\n";
    let output = run("containerd", "certs.d/reg.invalid_5000_/hosts.toml", there);
    assert!(output.stdout.contains(there) && output.stdout.matches("server").count() == 1, "{output:?}");
    let kept = |registry: &str, how: &str, what: &str| {
        format!(
            "warn: {registry}: the registry itself was asked {how}; '{what}' is kept, and says that it is asked over https"
        )
    };
    assert!(output.stderr.contains(&kept("reg.invalid:5000", "over http", "server")), "{output:?}");

    let output = run("registries-conf", "registries.conf", "[[registry]]\nlocation = \"un.invalid\"\n");
    for registry in ["reg.invalid:5000", "un.invalid"] {
        let part = format!(
            "location = \"{registry}\"\ninsecure = true\n\n[[registry.mirror]]\nlocation = \"{good}\"\n"
        );
        assert!(output.stdout.contains(&part), "{part}\n{}", output.stdout);
        assert!(!told(&output, registry), "{output:?}");
    }
    assert!(output.stdout.contains("location = \"else.invalid\"\n\n"), "{}", output.stdout);
    let there = ["reg.invalid:5000", "un.invalid"]
        .map(|registry| format!("[[registry]]\nlocation = \"{registry}\"\ninsecure = false\n"));
    let output = run("registries-conf", "registries.conf", &there.concat());
    assert_eq!(output.stdout.matches("insecure = false").count(), 2, "{output:?}");
    for (registry, how) in
        [("reg.invalid:5000", "over http"), ("un.invalid", "without a look at its certificate")]
    {
        assert!(output.stderr.contains(&kept(registry, how, "insecure = false")), "{output:?}");
    }
    assert!(output.stderr.contains(&elsewhere), "{output:?}");

    let output = run("k3s", "registries.yaml", "configs: {}\n");
    for registry in ["reg.invalid:5000", "un.invalid", "else.invalid"] {
        assert!(told(&output, registry), "{registry}\n{output:?}");
    }
}

#[test]
fn a_mirror_that_stands_there_with_the_other_scheme_is_put_in_with_the_one_that_works() {
    let world = World::new();
    for (kind, base, file, old) in [
        (
            "k3s",
            "registries.yaml",
            "registries.yaml",
            "mirrors:\n  docker.io: {endpoint: [\"https://{good}\", 'https://{stale}']}\n",
        ),
        (
            "k3s",
            "registries.yaml",
            "registries.yaml",
            "mirrors:\n  docker.io:\n    endpoint:\n      - https://{good} # ours\n",
        ),
        ("docker", "daemon.json", "daemon.json", "{\"registry-mirrors\": [\"https://{good}\"]}\n"),
        (
            "containerd",
            "certs.d",
            "certs.d/docker.io/hosts.toml",
            "server = \"https://registry-1.docker.io\"\n[host.\"https://{good}\"]\n",
        ),
    ] {
        let tool = || world.tool().line("mirrors export images.txt --retries 0 --to");
        let output = tool().file(file, world.fill(old)).args([kind, "--base", base]).run();
        assert_eq!(output.code, Some(0), "{old}\n{output:?}");
        let asked = mirrors(file, &output.stdout);
        let path = "/v2/library/app/manifests/1.0";
        assert_eq!(
            asked[..2],
            [world.good.url(), world.down_url()].map(|url| format!("{url}{path}")),
            "{output:?}"
        );
        // What is stale is left out over either.
        assert!(!asked.iter().any(|url| url.contains(&world.stale.authority())), "{output:?}");
        let text = output.stdout.strip_prefix("# docker.io/hosts.toml\n").unwrap_or(&output.stdout);
        let again = tool().file(file, text).args([kind, "--base", base]).run();
        assert_eq!(again.stdout, output.stdout, "once more changes nothing");
    }
}

#[test]
fn a_mirror_of_a_registries_conf_that_was_asked_over_http_becomes_insecure_and_that_is_told() {
    let world = World::new();
    let down = "location = \"{down}\"\ninsecure = true\n";
    let tables = |good: &str, rest: &str| {
        format!("[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\n{good}{rest}")
    };
    let list = |good: &str, rest: &str| {
        format!("[[registry]]\nlocation = \"docker.io\"\nmirror = [{good}{rest}] # all\n")
    };
    let added = format!("\n[[registry.mirror]]\n{down}");
    let beside = ", { location = \"{down}\", insecure = true }";
    for (old, expected) in [
        (
            tables("location = \"{good}\" # ours\n", ""),
            tables("location = \"{good}\" # ours\ninsecure = true\n", &added),
        ),
        (
            tables("# ours\ninsecure   = false # why\nlocation = \"{good}\"\n", ""),
            tables("# ours\ninsecure   = true # why\nlocation = \"{good}\"\n", &added),
        ),
        (
            list("{location=\"{good}\", insecure=false}", ""),
            list("{location=\"{good}\", insecure=true}", beside),
        ),
        (list("{ location = \"{good}\" }", ""), list("{ location = \"{good}\", insecure = true }", beside)),
    ] {
        let tool =
            || world.tool().line("mirrors export images.txt --retries 0 --to registries-conf --base r.conf");
        let output = tool().file("r.conf", world.fill(&old)).run();
        assert_eq!(output.code, Some(0), "{output:?}");
        let (told, _) = output.stdout.split_once("# left out").unwrap();
        assert_eq!(told, world.fill(&expected), "{}", output.stderr);
        let note = world
            .fill("docker.io: {good} gets insecure = true, which it did not have: it was asked over http");
        assert_eq!(output.stderr.matches(&note).count(), 1, "{}", output.stderr);
        let again = tool().file("r.conf", &output.stdout).run();
        assert_eq!(again.stdout, output.stdout, "once more changes nothing");
        assert!(!again.stderr.contains("gets insecure"), "{}", again.stderr);
    }
}
