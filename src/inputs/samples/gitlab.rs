//! Pipelines: what the jobs make of their images, each with its own variables.

use super::*;

/// What is not known in `text`, as `LINE WHY`.
fn open(text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    let path = Path::new(".gitlab-ci.yml");
    read_text(text, Some(path), &options(None), &".gitlab-ci.yml".into(), &mut inputs).unwrap();
    inputs.dynamic.iter().map(|entry| format!("{} {}", entry.origin.line, entry.why)).collect()
}

#[track_caller]
fn assert_pipeline(text: &str, expected: &[&str]) {
    assert_found(".gitlab-ci.yml", text, expected);
}

#[test]
fn an_inherited_image_has_the_variables_of_each_job() {
    let text = "variables: {V: '1'}\ndefault:\n  image: def:$V\n  services: ['svc:$V']\na: {script: [x]}\n\
                b: {variables: {V: '2'}, script: [x]}\nc: {image: own:$V, services: [], variables: {V: '3'}}\n\
                d: {variables: {V: '4'}, trigger: {include: x}}\n";
    assert_pipeline(text, &["3 def:1", "3 def:2", "4 svc:1", "4 svc:2", "7 own:3"]);
    // Nobody pulls it without a variable of their own.
    let text = "variables: {V: '1'}\nimage: top:$V\nb: {variables: {V: '2'}, script: [x]}\n";
    assert_pipeline(text, &["2 top:2"]);
}

#[test]
fn what_no_job_uses_is_known_only_without_variables() {
    let text = "variables: {V: '1'}\ndefault: {image: 'def:$V'}\nservices: [plain:1]\n.a: {image: 'a:$V'}\n.b: {image: b:1}\n\
                job: {image: 'j:$V', services: [], script: [x]}\n";
    assert_pipeline(text, &["4 ? a:$V", "5 b:1", "6 j:1"]);
    assert_eq!(open(text)[0], "4 V hangs on the jobs that use this template, of which none is here");
}

#[test]
fn a_matrix_gives_the_image_of_each_of_its_jobs() {
    let text = "variables: {V: '1', W: 'w'}\nm:\n  parallel:\n    matrix:\n      - {V: ['7', 8], X: [a, b]}\n      - V: '9'\n        \
                X: $W\n  image: mat:$V-$X\n  services: ['v:$V', 'w:$W']\n";
    let expected =
        ["8 mat:7-a", "8 mat:7-b", "8 mat:8-a", "8 mat:8-b", "8 mat:9-w", "9 v:7", "9 v:8", "9 v:9", "9 w:w"];
    assert_pipeline(text, &expected);
    let text = ".m: {list: [{V: ['1']}], values: ['2', '3']}\nvariables: {V: '0'}\n\
                a: {image: 'a:$V', parallel: {matrix: !reference [.m, list]}}\n\
                b: {image: 'b:$V', parallel: {matrix: [{V: !reference [.m, values]}]}}\n\
                c: {image: 'c:$V', parallel: {matrix: !reference [.gone, list]}}\nd: {image: 'd:$V', parallel: 3}\n";
    assert_pipeline(text, &["3 a:1", "4 b:2", "4 b:3", "5 ? c:$V", "6 d:0"]);
    let many: Vec<_> = (0..15).map(|n| format!("'{n}'")).collect();
    let list = many.join(", ");
    let text = format!("a: {{image: 'a:$V-$W', parallel: {{matrix: [{{V: [{list}], W: [{list}]}}]}}}}\n");
    assert_pipeline(&text, &["1 ? a:$V-$W"]);
    assert_eq!(
        open(&text),
        ["1 V hangs on a matrix of more than 200 jobs, which GitLab refuses; \
                              W hangs on a matrix of more than 200 jobs, which GitLab refuses"]
    );
}

#[test]
fn what_rules_set_is_never_guessed() {
    let text = "variables: {V: '1', W: '2'}\nr: {image: 'rul:$V', rules: [{if: $A, variables: {V: '9'}}], script: [x]}\n\
                o: {image: 'other:$W', rules: [{if: $A, variables: {V: '9'}}], script: [x]}\n\
                n: {image: 'nested:$V', rules: [!reference [.r, rules]]}\n.r: {rules: [{variables: {V: '8'}}]}\n\
                l: {image: 'lost:$V', services: ['s:1'], rules: !reference [.gone, rules]}\n";
    assert_pipeline(text, &["2 ? rul:$V", "3 other:2", "4 ? nested:$V", "6 s:1", "6 ? lost:$V"]);
    assert_eq!(open(text)[0], "2 V hangs on the rules of a job");
    let text = "workflow: {rules: [{if: $T, variables: {V: '9'}}, {when: always}]}\nvariables: {V: '3', W: $V}\n\
                a: {image: 'a:$V'}\nb: {image: 'b:$W'}\nc: {image: 'c:$V', variables: {V: '4'}}\n";
    assert_pipeline(text, &["3 ? a:$V", "4 ? b:$W", "5 c:4"]);
    assert_eq!(open(text)[0], "3 V hangs on the rules of the workflow");
}

#[test]
fn what_a_job_does_not_inherit_it_has_not() {
    let text = "variables: {V: '1', W: '2'}\ndefault: {image: def:1, services: [svc:1]}\n\
                a: {image: 'a:$V', inherit: {variables: false}}\nb: {image: 'b:$V', inherit: {variables: [V]}}\n\
                c: {image: 'c:$V', inherit: {variables: [W]}}\nd: {image: 'd:$V', inherit: {default: false}}\n";
    assert_pipeline(text, &["2 svc:1", "3 ? a:$V", "4 b:1", "5 ? c:$V", "6 d:1"]);
    let text = "default:\n  image: def:$V\n  services: ['svc:$V']\n.base: {inherit: {default: [image]}}\n\
                a: {extends: .base, inherit: {variables: true}, variables: {V: '1'}}\n\
                b: {inherit: {default: false}, variables: {V: '2'}}\n";
    assert_pipeline(text, &["2 def:1"]);
}

#[test]
fn what_a_template_from_elsewhere_may_decide_is_told() {
    let text = "include: [{project: a/b, file: x.yml}]\nvariables: {V: '1'}\ndefault: {image: def:1}\n\
                a: {extends: .far, script: [x]}\nb: {extends: .far, image: 'b:$V', services: []}\n\
                c: {extends: [.near, .far], image: c:1, services: []}\n.near: {image: near:1}\n\
                d: {extends: [.far, .near], services: []}\n\
                e: {extends: .far, image: 'e:$V', services: [], rules: [], parallel: 2, variables: {V: '5'}}\n";
    assert_pipeline(text, &["3 def:1", "4 ? extends: .far", "5 ? b:$V", "6 c:1", "7 near:1", "9 e:5"]);
    assert_eq!(
        open(text),
        [
            "4 what the template .far says, which is not in this file",
            "5 V hangs on a template that is not here",
        ]
    );
}

#[test]
fn maps_are_merged_with_those_of_templates() {
    let text = ".base: {image: {name: 'base:$V', entrypoint: ['']}}\n\
                a: {extends: .base, image: {pull_policy: always}, variables: {V: '1'}}\n\
                .vars: {V: '2'}\nb: {extends: .base, variables: !reference [.vars]}\n\
                c: {extends: .base, variables: {V: !reference [.vars, V]}}\n\
                d: {extends: .base, variables: !reference [.gone]}\n";
    assert_pipeline(text, &["1 base:1", "1 base:2", "1 ? base:$V"]);
}

#[test]
fn places_are_those_of_the_text_and_of_the_reference_to_it() {
    let text = ".base: &base\n  image: {name: 'base:1'}\n  services: [s:1]\na:\n  image: !reference [.base, image]\n\
                b:\n  extends: .base\nc: {<<: *base, image: {name: !reference [.base, image, name]}}\n\
                d:\n  extends: [.gone]\n";
    assert_eq!(
        paths(".gitlab-ci.yml", text),
        [
            "2 [\".base\"].image.name",
            "3 [\".base\"].services[0]",
            "5 a.image",
            "8 c.image.name",
            "? 10 d.extends[0]",
        ]
    );
}

#[test]
fn a_file_with_a_header_is_known_and_its_inputs_are_not() {
    let text = "spec: {inputs: {i: {default: x}}}\n---\ndefault: {image: 'd:$[[ inputs.i ]]'}\n\
                variables: {V: '$[[ inputs.i ]]'}\na: {image: 'k:1', services: ['s:$V']}\nb: {script: [x]}\n";
    let expected = ["3 ? d:$[[ inputs.i ]]", "5 k:1", "5 ? s:$V"];
    assert_pipeline(text, &expected);
    let mut inputs = Inputs::default();
    read_text(text, None, &options(None), &"stdin".into(), &mut inputs).unwrap();
    assert_eq!((inputs.images.len(), inputs.dynamic.len(), &inputs.bad[..]), (1, 2, &[][..]));
    assert_eq!(inputs.images[0].origin.document, Some(2));
    let custom = "apiVersion: a/v1\nkind: Tool\nspec: {inputs: {i: {image: x:1}}}\n";
    assert_found("custom.yaml", custom, &[]);
}

#[test]
fn what_is_no_name_and_a_name_of_which_nothing_is_left_are_faults() {
    let text = "variables: {E: '', S: ' '}\na: {script: [x], image: $E}\nb: {script: [x], image: [x:1]}\nc: {script: [x], image: {entrypoint: [a]}}\n\
                d: {script: [x], image: 12}\ne: {script: [x], image: ''}\nf: {script: [x], services: [true, {alias: s}, [1.5], '$S']}\n\
                .g: {image: {entrypoint: [a]}}\n.h: {image: [x]}\ni: {script: [x], extends: .g, image: {name: i:1}}\n\
                j: {script: [x], image: {name: }}\nk: {script: [x], image: }\n.l: {image: text:1}\nm: {extends: .l, image: {entrypoint: [a]}}\n";
    let expected = [
        "2 ! $E", "3 ! ", "4 ! ", "5 ! 12", "6 ! ", "7 ! true", "7 ! ", "7 ! 1.5", "7 ! $S", "9 ! ",
        "10 i:1", "11 ! ", "14 ! ",
    ];
    assert_pipeline(text, &expected);
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(".gitlab-ci.yml")), &options(None), &"ci.yml".into(), &mut inputs)
        .unwrap();
    let told: Vec<_> = inputs.bad.iter().take(5).map(ToString::to_string).collect();
    let expected = [
        "ci.yml:2: $E: the image's name is empty",
        "ci.yml:3: a list is no image's name: a text, or a map with `name`, must stand here",
        "ci.yml:4: no `name` stands in this map, nor in those that it is merged with",
        "ci.yml:5: 12: no image's name but a number, true or false: if it is meant as a name, write it in quotes",
        "ci.yml:6: the image's name is empty",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_variable_that_is_not_expanded_stays_as_it_is() {
    let text = "variables: {U: '1', T: {value: 'a$U', expand: false}, W: {value: 'b$U', expand: true}, X: x$T}\n\
                a: {script: [x], image: 'r:$T', services: ['s:$W', 't:$X']}\n\
                b: {script: [x], image: 'r:$T', variables: {T: {value: '2', expand: false}}}\n";
    assert_pipeline(text, &["2 s:b1", "2 ? r:$T", "2 ? t:$X", "3 r:2"]);
}

#[test]
fn variables_in_variables_are_followed_however_deep_and_those_that_hold_themselves_are_open() {
    let deep: String = (1..102).map(|n| format!("  V{n}: 'x$V{}'\n", n - 1)).collect();
    let text = format!(
        "variables:\n  DOMAIN: r.io\n  HOST: $DOMAIN:5000\n  REG: $HOST/grp\n  BASE: $REG/app\n  A: $B\n  B: a$C\n  C: $A$A\n  V0: x\n{deep}\
         a: {{script: [x], image: $BASE}}\nb: {{script: [x], image: 'x:$A'}}\nc: {{script: [x], image: 'x:$V99'}}\n\
         d: {{script: [x], image: 'x:$V101'}}\n"
    );
    let longest = format!("113 x:{}", "x".repeat(100));
    assert_pipeline(&text, &["111 r.io:5000/grp/app:latest", "112 ? x:$A", &longest, "114 ? x:$V101"]);
    assert_eq!(
        open(&text),
        ["112 A hangs on itself", "114 V1 hangs on variables in variables more than 100 deep"]
    );
}

#[test]
fn a_number_that_yaml_writes_otherwise_is_a_fault_where_a_name_has_it() {
    let text = "variables: {N: 3.10, M: {value: 010}, Q: '3.10', R: {value: 3.10, expand: false}, U: x$N}\n\
                a: {script: [x], image: 'py:$PY', parallel: {matrix: [{PY: [3.9, 3.10, '3.10']}]}}\nb: {script: [x], image: 'n:$N'}\n\
                c: {script: [x], image: 'm:$M'}\nd: {script: [x], image: 'q:$Q'}\ne: {script: [x], image: 'r:$R'}\nf: {script: [x], image: 'u:$U'}\n";
    let expected =
        ["2 py:3.9", "2 py:3.10", "2 ! py:$PY", "3 ! n:$N", "4 ! m:$M", "5 q:3.10", "6 ! r:$R", "7 ! u:$U"];
    assert_pipeline(text, &expected);
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(".gitlab-ci.yml")), &options(None), &"ci.yml".into(), &mut inputs)
        .unwrap();
    let told = "ci.yml:2: py:$PY: PY is the number 3.10, whose text YAML's readers may change (1.10 becomes 1.1): write it in quotes";
    assert_eq!(inputs.bad[0].to_string(), told);
}

#[test]
fn where_not_all_was_looked_at_references_are_not_called_lost() {
    let mut bomb = String::from("x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("x-{level}: &a{level} [{aliases}]\n"));
    }
    bomb.push_str("z: {script: [x], services: *a11}\n.s: {image: s:1}\nb: {script: [x], image: !reference [.s, image]}\n");
    let open: Vec<String> =
        found(".gitlab-ci.yml", &bomb).into_iter().filter(|line| line.contains('?')).collect();
    assert_eq!(open, [""; 0]);
}
