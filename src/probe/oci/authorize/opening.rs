//! Signs in before the first request, by what `/v2/` asked for, as containers/image does (`setupRequestAuth` in its
//! `docker_client.go`, and as seen with skopeo).
//!
//! Of each header line the first challenge counts, and of those the first that is Basic or Bearer; without either, nobody
//! asks. A login or token service that says no is the end: nothing is tried without it, though what is asked for may be
//! open. Only a token that is too narrow is asked for once more.

use std::sync::Arc;

use tokio::sync::Mutex as AsyncMutex;
use url::Url;

use super::{Authorization, Authorizer, Host, Kind, Next, Session, Target, Trust, Wanted, token};
use crate::credentials::Credential;
use crate::model::observation::{Answer, AskedAs, Rejection};
use crate::model::secret::Secret;
use crate::net::redirect;
use crate::probe::oci::challenge::{self, Challenge};
use crate::probe::oci::realm::RealmFault;
use crate::probe::oci::token::{Grant, Login, Service, TokenFault, basic_line};

/// What the first request to a host is to carry.
#[derive(Clone, Debug)]
pub(in crate::probe::oci) struct Opening {
    /// The challenge that is answered, if one is.
    challenge: Option<Challenge>,
    /// Where it came from.
    url: Url,
    /// Whether that is the host itself, and not where a redirect led.
    is_home: bool,
    /// The repository that is asked for: a redirect within the host may name another, of which the token does not know.
    repository: Box<str>,
    sent: Option<Authorization>,
    is_wider: bool,
}

impl Opening {
    /// What these lines of `WWW-Authenticate` ask for, `asked` being the root of the host and the URL that answered; `None`
    /// where they are none.
    pub(in crate::probe::oci) fn of<'a>(
        mut lines: impl Iterator<Item = &'a [u8]>,
        asked: (&Url, &Url),
    ) -> Option<Self> {
        let first = lines.next()?;
        let firsts = std::iter::once(first).chain(lines).take(challenge::MAX_CHALLENGES);
        let mut firsts = firsts.filter_map(|line| challenge::parse([line]).into_iter().next());
        Some(Self {
            challenge: firsts.find(|challenge| matches!(&*challenge.scheme, "basic" | "bearer")),
            url: asked.1.clone(),
            is_home: redirect::same_origin(asked.0, asked.1),
            repository: "".into(),
            sent: None,
            is_wider: false,
        })
    }

    /// What goes along to `target`: the same wherever it is within the host.
    pub(super) fn carried(&self, target: Target<'_>) -> Option<Authorization> {
        self.sent.clone().filter(|_| target.trust == Trust::Configured)
    }

    /// As it was sent, for a person to read.
    fn realm(&self) -> Box<str> {
        let realm = self.challenge.as_ref().and_then(|challenge| challenge.param("realm"));
        realm.filter(|realm| !realm.trim().is_empty()).unwrap_or("(none)").chars().take(200).collect()
    }

    fn service(&self) -> Result<Option<Service>, TokenFault> {
        let Some(bearer) = self.challenge.as_ref().filter(|challenge| &*challenge.scheme == "bearer") else {
            return Ok(None);
        };
        if bearer.param("realm").is_none_or(|realm| Url::parse(realm).is_err()) {
            return Err(TokenFault::Realm { realm: self.realm(), why: RealmFault::Unreadable.why() });
        }
        Service::of(bearer, &self.url).map(Some)
    }

    /// The same service, with the names in the challenge to a token that was too narrow.
    fn wider(&self, challenges: &[Challenge]) -> Result<Option<Service>, TokenFault> {
        let narrow = |challenge: &&Challenge| {
            &*challenge.scheme == "bearer" && challenge.param("error") == Some("insufficient_scope")
        };
        let scope = challenges.iter().find(narrow).and_then(|challenge| challenge.param("scope"));
        let (Some(scope), Some(own)) = (scope.filter(|_| !self.is_wider), &self.challenge) else {
            return Ok(None);
        };
        let mut challenge = own.clone();
        challenge.params.retain(|(name, _)| &**name != "scope");
        challenge.params.push(("scope".into(), scope.into()));
        let service = Service::of(&challenge, &self.url)?;
        Ok(Some(service).filter(|service| service.names_another(&self.repository)))
    }
}

impl Session {
    /// For a question whose first request carries what `opening` says.
    pub(in crate::probe::oci) fn opened(opening: Opening) -> Self {
        Self { opening: Some(opening), ..Self::default() }
    }
}

impl Authorizer {
    /// What the first request to `target` carries: what is [known](Self::known), or what its opening asks for.
    ///
    /// # Errors
    /// The opening asks for what is not to be had.
    pub(in crate::probe::oci) async fn first(
        &self,
        target: Target<'_>,
        session: &mut Session,
    ) -> Result<Option<Authorization>, TokenFault> {
        let Some(opening) = &mut session.opening else {
            return Ok(self.known(target, session).await);
        };
        (opening.repository, opening.is_wider) = (target.repository.into(), false);
        let is_basic = opening.challenge.as_ref().is_some_and(|challenge| &*challenge.scheme == "basic");
        let away = (!opening.is_home).then(|| opening.realm());
        let sent = match opening.service()? {
            None if is_basic => Some(self.basic_at_first(target).await?),
            None => None,
            Some(mut service) => {
                service.forget_names();
                session.touch_service(&service);
                let login = self.login(target).await;
                if let (Some(realm), Some(_)) = (away, &login) {
                    let why = "a redirect led to the host that names it, and credentials do not go there";
                    return Err(TokenFault::Realm { realm, why });
                }
                Some(self.token_at_first(target, service, login).await?)
            }
        };
        if let Some(opening) = &mut session.opening {
            opening.sent.clone_from(&sent);
        }
        Ok(sent)
    }

    async fn basic_at_first(&self, target: Target<'_>) -> Result<Authorization, TokenFault> {
        let Some(own) = self.basic(target).await else {
            // Who has no credentials sends an empty name and password, which some refuse even for what is public.
            let line = basic_line("", &Secret::new(String::new()));
            return Ok(Authorization { line, asked_as: AskedAs::Nobody, rejection: None, kind: Kind::Ready });
        };
        let host = self.host(target);
        let host = host.lock().await;
        host.standing
            .given_up(&own.asked_as)
            .map_or(Ok(own), |rejection| Err(TokenFault::Rejected(rejection)))
    }

    async fn token_at_first(
        &self,
        target: Target<'_>,
        service: Service,
        login: Option<Arc<Login>>,
    ) -> Result<Authorization, TokenFault> {
        if let Some(login) = &login
            && let Credential::Registry { token } = &login.credential
        {
            let line = Secret::new(format!("Bearer {}", token.expose()));
            return Ok(Authorization {
                line,
                asked_as: login.asked_as(),
                rejection: None,
                kind: Kind::Ready,
            });
        }
        let grant = Arc::new(Grant::new(service, vec![target.repository.into()], login.clone()));
        let Some(login) = login else {
            return self.tokens.obtain(&grant).await.map(|line| token(line, &grant));
        };
        let host = self.host(target);
        let _trial = self.turn(&host).await;
        if let Some(rejection) = host.lock().await.standing.given_up(&login.asked_as()) {
            return Err(TokenFault::Rejected(rejection));
        }
        let had = self.tokens.obtain(&grant).await;
        let mut host = host.lock().await;
        match had {
            Ok(line) => {
                host.standing.accepted();
                Ok(token(line, &grant))
            }
            Err(fault) if fault.is_refusal() => {
                let rejection = fault.rejection(&login);
                host.standing.refused(&rejection);
                Err(TokenFault::Rejected(rejection))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Until credentials have been accepted once, they are tried one at a time.
    async fn turn(&self, host: &AsyncMutex<Host>) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let trial = {
            let host = host.lock().await;
            (!host.standing.is_good()).then(|| Arc::clone(&host.trial))
        };
        match trial {
            Some(trial) => Some(trial.lock_owned().await),
            None => None,
        }
    }

    /// What to do about a 401 to a request that carried what the opening asked for.
    pub(super) async fn refused_after_opening(
        &self,
        target: Target<'_>,
        challenges: &[Challenge],
        sent: Option<&Authorization>,
        session: &mut Session,
    ) -> Result<Next, TokenFault> {
        let Some(opening) = &mut session.opening else { return Ok(Next::Final(Wanted::Better)) };
        let end = match sent.map(|sent| (&sent.kind, &sent.asked_as)) {
            Some((Kind::Token(_), _)) => {
                let Some(service) = opening.wider(challenges)? else {
                    return Ok(Next::Final(Wanted::Better));
                };
                opening.is_wider = true;
                let target = Target { repository: &opening.repository.clone(), ..target };
                let login = self.login(target).await;
                let wider = self.token_at_first(target, service, login).await?;
                opening.sent = Some(wider.clone());
                return Ok(Next::Again(Some(wider)));
            }
            Some((Kind::Basic, credentials)) => {
                let answer = Answer { status: 401, ..Answer::default() };
                let refuser = target.authority.to_string().into();
                let rejection = Rejection { host: refuser, answer, credentials: credentials.clone() };
                self.host(target).lock().await.standing.refused(&rejection);
                session.rejection = Some(rejection);
                Wanted::Better
            }
            Some((Kind::Ready, AskedAs::Nobody)) => Wanted::Credentials("basic".into()),
            Some((Kind::Ready, _)) => Wanted::Better,
            None => match challenge::preferred(challenges) {
                None => Wanted::Nothing,
                Some(bearer) if &*bearer.scheme == "bearer" => Wanted::Better,
                Some(other) => Wanted::Credentials(other.scheme.clone()),
            },
        };
        Ok(Next::Final(end))
    }
}
