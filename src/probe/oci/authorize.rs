//! Who a request says it is: nobody, anybody with a token, a user.
//!
//! Reacts to the 401 of the real request, and remembers what a host wanted, so that the next request
//! brings it along. A credential goes to the host that it is stored for and to the token service that this
//! host names, never to where a redirect leads.

mod opening;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Mutex as AsyncMutex;
use url::Url;

use super::challenge::{self, Challenge};
use super::standing::Standing;
use super::token::{Grant, Login, MAX_SCOPES, Service, TokenFault, Tokens, basic_line};
use crate::credentials::{Credential, Sources};
use crate::model::blob::{Contact, Part};
use crate::model::endpoint::Authority;
use crate::model::observation::{Answer, AskedAs, Rejection};
use crate::model::plan::Plan;
use crate::model::secret::Secret;
pub(super) use opening::Opening;

/// What a request carries.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    /// The `Authorization` line.
    pub(super) line: Secret,
    /// As whom that is.
    pub(super) asked_as: AskedAs,
    /// Credentials that were refused before this was had without them.
    pub(super) rejection: Option<Rejection>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Basic,
    /// Given, not asked for: a token, or the empty name and password of nobody.
    Ready,
    Token(Arc<Grant>),
}

/// How the host that is asked was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trust {
    /// It is configured, or the registry in the image's name.
    Configured,
    /// A redirect led there: it gets nobody's credentials.
    Redirected,
}

/// The host and repository that are asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) url: &'a Url,
    pub(super) authority: &'a Authority,
    pub(super) repository: &'a str,
    pub(super) trust: Trust,
}

/// What to do about a 401.
#[derive(Debug)]
pub(super) enum Next {
    /// Send it again, with this.
    Again(Option<Authorization>),
    /// It is final.
    Final(Wanted),
}

/// What a final 401 wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Something better than what was sent.
    Better,
    /// Nothing that can be understood.
    Nothing,
    /// Credentials, by this scheme; there are none for this host.
    Credentials(Box<str>),
}

/// What one question has been through, across its redirects and retries: nobody is asked for the same
/// token twice because a registry is stubborn.
#[derive(Debug, Default)]
pub(super) struct Session {
    steps: Vec<(Authority, Box<str>, Step)>,
    rejection: Option<Rejection>,
    /// A token for several repositories was not taken; one for this one alone is being tried.
    is_alone: bool,
    /// Why the request that is under way carries no token, where one was expected.
    unhad: Option<Unhad>,
    /// The hosts on the way.
    contacts: Vec<Contact>,
    /// What the first request is to carry was settled before it.
    opening: Option<Opening>,
}

/// A token that could not be had, from whom.
#[derive(Debug)]
struct Unhad {
    service: Option<Authority>,
    fault: TokenFault,
}

#[derive(Debug)]
enum Step {
    /// This was had for the challenge; there will be nothing better.
    Answered(Option<Authorization>),
    /// The token service said no.
    Refused(TokenFault),
}

impl Session {
    /// The hosts on the way, each once.
    pub(super) fn into_contacts(self) -> Vec<Contact> {
        self.contacts
    }

    /// This host has a part in it.
    pub(super) fn touch(&mut self, authority: &Authority, part: Part) {
        if !self.contacts.iter().any(|known| known.authority == *authority) {
            self.contacts.push(Contact { authority: authority.clone(), part });
        }
    }

    fn touch_service(&mut self, service: &Service) {
        if let Some(authority) = service.authority() {
            self.touch(&authority, Part::TokenService);
        }
    }

    /// Why the last request carried no token, where one was expected; told once.
    pub(super) fn take_unhad(&mut self) -> Option<TokenFault> {
        self.unhad.take().map(|unhad| unhad.fault)
    }

    /// Credentials that were refused on the way.
    pub(super) fn rejection(&self) -> Option<Rejection> {
        self.rejection.clone()
    }

    fn step(&self, target: Target<'_>) -> Option<&Step> {
        let is_ours = |(authority, repository, _): &&(Authority, Box<str>, Step)| {
            authority == target.authority && **repository == *target.repository
        };
        self.steps.iter().rev().find(is_ours).map(|(_, _, step)| step)
    }

    fn record(&mut self, target: Target<'_>, step: Step) {
        self.steps.push((target.authority.clone(), target.repository.into(), step));
    }
}

/// Answers challenges.
#[derive(Debug)]
pub(super) struct Authorizer {
    tokens: Tokens,
    sources: Arc<Sources>,
    expected: Mutex<Expected>,
    hosts: Mutex<HashMap<(Authority, Trust), SharedHost>>,
}

/// Most repositories of one host that are looked ahead to.
const MOST_UPCOMING: usize = 20_000;

/// What will be asked for: plans that are not carried out yet, each with its number.
#[derive(Debug, Default)]
struct Expected {
    plans: Vec<(u64, Weak<Plan>)>,
    /// The number of the last one.
    last: u64,
}

impl Expected {
    fn add(&mut self, plan: &Arc<Plan>) {
        self.plans.retain(|(_, plan)| plan.strong_count() > 0);
        self.last += 1;
        self.plans.push((self.last, Arc::downgrade(plan)));
    }
}

type SharedHost = Arc<AsyncMutex<Host>>;

/// What is known of one host.
#[derive(Debug, Default)]
struct Host {
    scheme: Option<Scheme>,
    /// The grant that covers a repository.
    assigned: HashMap<Box<str>, Arc<Grant>>,
    /// Repositories that will be asked for, in the order of the plan: a token may be asked for several.
    upcoming: VecDeque<Box<str>>,
    /// The number of the last plan that they are from.
    of_plan: u64,
    together: Together,
    /// Repositories for which the token service said no: it is not asked again.
    refused: HashMap<Box<str>, TokenFault>,
    standing: Standing,
    /// Held by whoever tries credentials that have never been accepted, so that others learn from it.
    trial: Arc<AsyncMutex<()>>,
}

#[derive(Clone, Debug)]
enum Scheme {
    Basic,
    Bearer(Service),
}

/// Whether one token may be asked for several repositories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Together {
    /// Until the contrary is seen.
    #[default]
    Yes,
    /// The service grants only the first, refuses the lot, or knows repositories under other names.
    No,
}

impl Authorizer {
    /// Answers with what `sources` know; `plan` tells which tokens may be asked for together.
    pub(super) fn new(tokens: Tokens, sources: Arc<Sources>, plan: Option<Arc<Plan>>) -> Self {
        let mut expected = Expected::default();
        plan.iter().for_each(|plan| expected.add(plan));
        Self { tokens, sources, expected: Mutex::new(expected), hosts: Mutex::default() }
    }

    /// From now on these repositories will be asked for too, as long as somebody holds the plan.
    pub(super) fn expect(&self, plan: &Arc<Plan>) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).add(plan);
    }

    /// The host, if it has challenged before: most never do, and are looked up for each request.
    fn known_host(&self, target: Target<'_>) -> Option<SharedHost> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.is_empty() {
            return None;
        }
        hosts.get(&(target.authority.clone(), target.trust)).cloned()
    }

    fn host(&self, target: Target<'_>) -> SharedHost {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry((target.authority.clone(), target.trust)).or_default())
    }

    /// What to send at once, as far as earlier challenges tell. What they were about may be another repository, with
    /// a token service of its own: where there is no token, this one may be open ([`Session::take_unhad`]).
    pub(super) async fn known(&self, target: Target<'_>, session: &mut Session) -> Option<Authorization> {
        session.unhad = None;
        if let Some(opening) = &session.opening {
            return opening.carried(target);
        }
        match session.step(target) {
            Some(Step::Answered(authorization)) => return authorization.clone(),
            Some(Step::Refused(_)) => return None,
            None => {}
        }
        let host = self.known_host(target)?;
        let (scheme, assigned) = {
            let host = host.lock().await;
            (host.scheme.clone(), host.assigned.get(target.repository).cloned())
        };
        let (service, had) = match (scheme, assigned) {
            (Some(Scheme::Basic), _) => {
                let own = self.basic(target).await;
                let host = host.lock().await;
                return own.filter(|own| host.standing.given_up(&own.asked_as).is_none());
            }
            (Some(Scheme::Bearer(service)), _) => {
                session.touch_service(&service);
                (service.authority(), self.bearer(target, &host, service).await)
            }
            (None, Some(grant)) => {
                session.touch_service(grant.service());
                let had = self.tokens.obtain(&grant).await.map(|line| token(line, &grant));
                (grant.service().authority(), had)
            }
            (None, None) => return None,
        };
        match had {
            Ok(authorization) => return Some(authorization),
            // Perhaps this repository is open; its own 401 will tell.
            Err(fault) if fault.is_refusal() => session.record(target, Step::Refused(fault)),
            Err(fault) => session.unhad = Some(Unhad { service, fault }),
        }
        None
    }

    /// What to do about the 401 with which `target` answered a request that carried `sent`.
    ///
    /// # Errors
    /// There is no token to be had.
    pub(super) async fn challenged(
        &self,
        target: Target<'_>,
        challenges: &[Challenge],
        sent: Option<&Authorization>,
        session: &mut Session,
    ) -> Result<Next, TokenFault> {
        // A token for several repositories that does not do for this one may well do for the others.
        let is_shared = |sent: &Authorization| match &sent.kind {
            Kind::Token(grant) => grant.is_together() && !grant.is_first(target.repository),
            Kind::Basic | Kind::Ready => true,
        };
        if let Some(sent) = sent.filter(|sent| !is_shared(sent)) {
            self.tokens.reject(&sent.line);
        }
        if session.opening.is_some() {
            return self.refused_after_opening(target, challenges, sent, session).await;
        }
        match challenge::preferred(challenges) {
            None => Ok(Next::Final(Wanted::Nothing)),
            Some(bearer) if is_bearer(bearer) => self.bearer_challenged(target, bearer, sent, session).await,
            Some(basic) if &*basic.scheme == "basic" => {
                Ok(self.basic_challenged(target, sent, session).await)
            }
            // Bearer without a realm: nobody knows where to get a token.
            Some(other) if &*other.scheme == "bearer" => Ok(Next::Final(Wanted::Nothing)),
            Some(other) => Ok(Next::Final(Wanted::Credentials(other.scheme.clone()))),
        }
    }

    async fn basic_challenged(
        &self,
        target: Target<'_>,
        sent: Option<&Authorization>,
        session: &mut Session,
    ) -> Next {
        let Some(own) = self.basic(target).await else {
            return Next::Final(Wanted::Credentials("basic".into()));
        };
        let was_sent = sent.is_some_and(|sent| matches!(sent.kind, Kind::Basic));
        let host = self.host(target);
        let mut host = host.lock().await;
        if was_sent {
            let refuser = target.authority.to_string().into();
            let answer = Answer { status: 401, ..Answer::default() };
            let rejection = Rejection { host: refuser, answer, credentials: own.asked_as.clone() };
            host.standing.refused(&rejection);
            session.rejection = Some(rejection);
        } else if let Some(rejection) = host.standing.given_up(&own.asked_as) {
            session.rejection = Some(rejection);
            return Next::Final(Wanted::Better);
        }
        match (was_sent, session.step(target)) {
            (false, None) => {
                host.scheme = Some(Scheme::Basic);
                session.record(target, Step::Answered(Some(own.clone())));
                Next::Again(Some(own))
            }
            // Sent unasked, and refused: perhaps without it the door is open (GitLab refuses bad
            // credentials even for what is public).
            (true, None) => {
                session.record(target, Step::Answered(None));
                Next::Again(None)
            }
            (_, Some(_)) => Next::Final(Wanted::Better),
        }
    }

    async fn bearer_challenged(
        &self,
        target: Target<'_>,
        challenge: &Challenge,
        sent: Option<&Authorization>,
        session: &mut Session,
    ) -> Result<Next, TokenFault> {
        let was_together = sent.is_some_and(|sent| match &sent.kind {
            Kind::Token(grant) => grant.is_together(),
            Kind::Basic | Kind::Ready => false,
        });
        match session.step(target) {
            Some(Step::Refused(fault)) => return Err(fault.clone()),
            Some(Step::Answered(_)) if !was_together => return Ok(Next::Final(Wanted::Better)),
            Some(Step::Answered(_)) | None => {}
        }
        if sent.is_some_and(|sent| matches!(sent.kind, Kind::Ready)) {
            return Ok(Next::Final(Wanted::Better));
        }
        let mut service = Service::of(challenge, target.url)?;
        if let Some(unhad) = session.unhad.take_if(|unhad| unhad.service == service.authority()) {
            return Err(unhad.fault);
        }
        session.touch_service(&service);
        let host = self.host(target);
        self.learn(target, &host, &mut service, was_together).await;
        let authorization = match self.bearer(target, &host, service).await {
            Ok(authorization) => authorization,
            Err(fault) => {
                if fault.is_refusal() {
                    session.record(target, Step::Refused(fault.clone()));
                }
                return Err(fault);
            }
        };
        session.record(target, Step::Answered(Some(authorization.clone())));
        session.is_alone = was_together;
        Ok(Next::Again(Some(authorization)))
    }

    /// Remembers what the host wants.
    async fn learn(
        &self,
        target: Target<'_>,
        host: &AsyncMutex<Host>,
        service: &mut Service,
        was_together: bool,
    ) {
        let login = self.login(target).await;
        let mut host = host.lock().await;
        if service.names_another(target.repository) {
            // Behind a path prefix: what the other repositories are called, only their challenges tell.
            host.together = Together::No;
            host.scheme = None;
            let own = Grant::new(service.clone(), vec![target.repository.into()], login);
            host.assigned.insert(target.repository.into(), Arc::new(own));
            return;
        }
        service.forget_names();
        host.scheme = Some(Scheme::Bearer(service.clone()));
        if was_together {
            let own = Grant::new(service.clone(), vec![target.repository.into()], login);
            host.assigned.insert(target.repository.into(), Arc::new(own));
        }
    }

    /// To be called with every answer that is no 401.
    ///
    /// A token for several repositories that is not taken may mean a service that grants only one at a
    /// time, or a repository that nobody may pull: it is the former if a token for it alone is taken.
    pub(super) async fn accepted(
        &self,
        target: Target<'_>,
        sent: Option<&Authorization>,
        session: &mut Session,
    ) {
        if sent.is_some_and(|sent| matches!(sent.kind, Kind::Basic)) {
            self.host(target).lock().await.standing.accepted();
        }
        if std::mem::take(&mut session.is_alone) {
            self.host(target).lock().await.together = Together::No;
        }
    }

    /// Looks up what will be asked of this host, if that is not known yet.
    fn look_ahead(&self, target: Target<'_>, host: &mut Host) {
        let news: Vec<_> = {
            let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
            if host.of_plan == expected.last || host.together == Together::No {
                return;
            }
            let known = std::mem::replace(&mut host.of_plan, expected.last);
            let news = expected.plans.iter().filter(|(number, _)| *number > known);
            news.filter_map(|(_, plan)| plan.upgrade()).collect()
        };
        if target.trust == Trust::Configured {
            for plan in news {
                host.upcoming.extend(upcoming(&plan, target));
            }
            // Of those that came to be asked for otherwise, some stay.
            let surplus = host.upcoming.len().saturating_sub(MOST_UPCOMING);
            host.upcoming.drain(..surplus);
        }
    }

    /// The credentials for this host and repository, if any may be sent there.
    async fn login(&self, target: Target<'_>) -> Option<Arc<Login>> {
        if target.trust == Trust::Redirected {
            return None;
        }
        let answer = self.sources.lookup(&target.authority.to_string(), target.repository).await;
        let credential = answer.credential?;
        let registry = target.authority.clone();
        Some(Arc::new(Login { registry, credential, source: answer.source.to_string().into() }))
    }

    async fn basic(&self, target: Target<'_>) -> Option<Authorization> {
        let login = self.login(target).await?;
        let Credential::Basic { user, password } = &login.credential else { return None };
        Some(Authorization {
            line: basic_line(user, password),
            asked_as: login.asked_as(),
            rejection: None,
            kind: Kind::Basic,
        })
    }

    async fn bearer(
        &self,
        target: Target<'_>,
        host: &AsyncMutex<Host>,
        service: Service,
    ) -> Result<Authorization, TokenFault> {
        let login = self.login(target).await;
        if let Some(login) = &login
            && let Credential::Registry { token } = &login.credential
        {
            let line = Secret::new(format!("Bearer {}", token.expose()));
            let asked_as = login.asked_as();
            return Ok(Authorization { line, asked_as, rejection: None, kind: Kind::Ready });
        }
        let trial = {
            let host = host.lock().await;
            (login.is_some() && !host.standing.is_good()).then(|| Arc::clone(&host.trial))
        };
        let _trial = match trial {
            Some(trial) => Some(trial.lock_owned().await),
            None => None,
        };
        let given_up = {
            let host = host.lock().await;
            if let Some(fault) = host.refused.get(target.repository) {
                return Err(fault.clone());
            }
            login.as_ref().and_then(|login| host.standing.given_up(&login.asked_as()))
        };
        if let Some(rejection) = given_up {
            let own = Grant::new(service, vec![target.repository.into()], None);
            return self.without_credentials(target, host, &own, rejection).await;
        }
        let mut grant = self.assign(target, host, service, login.clone()).await;
        let mut had = self.tokens.obtain(&grant).await;
        if grant.is_together() && had.as_ref().is_err_and(TokenFault::is_refusal) {
            // Some services refuse the lot for the sake of one.
            grant = Arc::new(grant.alone(target.repository));
            let mut host = host.lock().await;
            host.together = Together::No;
            host.assigned.insert(target.repository.into(), Arc::clone(&grant));
            drop(host);
            had = self.tokens.obtain(&grant).await;
        }
        match (had, login) {
            (Ok(line), None) => Ok(token(line, &grant)),
            (Ok(line), Some(_)) => {
                let mut host = host.lock().await;
                // A grant without the login is what was left after its refusal.
                let rejection = match grant.asked_as() {
                    AskedAs::User { .. } => {
                        host.standing.accepted();
                        None
                    }
                    AskedAs::Anonymous | AskedAs::Nobody => host.standing.last_refusal(),
                };
                Ok(Authorization { rejection, ..token(line, &grant) })
            }
            (Err(fault), Some(login)) if fault.is_refusal() => {
                let rejection = fault.rejection(&login);
                host.lock().await.standing.refused(&rejection);
                self.without_credentials(target, host, &grant, rejection).await
            }
            (Err(fault), _) => {
                if fault.is_refusal() {
                    host.lock().await.refused.insert(target.repository.into(), fault.clone());
                }
                Err(fault)
            }
        }
    }

    /// Bad credentials are worse than none: Quay, GitLab and GHCR refuse them even for what is public.
    async fn without_credentials(
        &self,
        target: Target<'_>,
        host: &AsyncMutex<Host>,
        grant: &Grant,
        rejection: Rejection,
    ) -> Result<Authorization, TokenFault> {
        let anonymous = Arc::new(grant.anonymous());
        match self.tokens.obtain(&anonymous).await {
            Ok(line) => {
                host.lock().await.assigned.insert(target.repository.into(), Arc::clone(&anonymous));
                Ok(Authorization { rejection: Some(rejection), ..token(line, &anonymous) })
            }
            Err(fault) if fault.is_refusal() => {
                let fault = TokenFault::Rejected(rejection);
                host.lock().await.refused.insert(target.repository.into(), fault.clone());
                Err(fault)
            }
            Err(fault) => Err(fault),
        }
    }

    /// The grant that covers the repository: its own, or one for several that will be asked for anyway.
    async fn assign(
        &self,
        target: Target<'_>,
        host: &AsyncMutex<Host>,
        service: Service,
        login: Option<Arc<Login>>,
    ) -> Arc<Grant> {
        // Held over the look-ups: two requests must not both gather the same repositories.
        let mut host = host.lock().await;
        if let Some(grant) = host.assigned.get(target.repository)
            && (host.together == Together::Yes || grant.is_first(target.repository))
        {
            return Arc::clone(grant);
        }
        self.look_ahead(target, &mut host);
        let asked_as = |login: &Option<Arc<Login>>| login.as_ref().map(|login| login.asked_as());
        let mut repositories: Vec<Box<str>> = vec![target.repository.into()];
        while host.together == Together::Yes && repositories.len() < MAX_SCOPES {
            let Some(next) = host.upcoming.pop_front() else { break };
            if host.assigned.contains_key(&next) || repositories.contains(&next) {
                continue;
            }
            let theirs = self.login(Target { repository: &next, ..target }).await;
            if asked_as(&theirs) == asked_as(&login) {
                repositories.push(next);
            }
        }
        let grant = Arc::new(Grant::new(service, repositories.clone(), login));
        for repository in repositories {
            host.assigned.insert(repository, Arc::clone(&grant));
        }
        grant
    }
}

/// The repositories of the plan at this host, each once.
fn upcoming(plan: &Plan, target: Target<'_>) -> VecDeque<Box<str>> {
    let mut seen = HashSet::new();
    let mut upcoming = VecDeque::new();
    for planned in &plan.images {
        for endpoint in std::iter::once(&planned.upstream).chain(planned.mirrors.iter()) {
            let endpoint = &plan.endpoints[*endpoint as usize];
            if endpoint.authority != *target.authority {
                continue;
            }
            let Ok(name) = endpoint.repository(&planned.image) else { continue };
            let name: Box<str> = name.into();
            if seen.insert(name.clone()) {
                upcoming.push_back(name);
            }
        }
    }
    upcoming
}

fn token(line: Secret, grant: &Arc<Grant>) -> Authorization {
    Authorization { line, asked_as: grant.asked_as(), rejection: None, kind: Kind::Token(Arc::clone(grant)) }
}

fn is_bearer(challenge: &Challenge) -> bool {
    &*challenge.scheme == "bearer" && challenge.param("realm").is_some()
}
