//! The world: clients, a network that cannot be relied on, nodes that crash, clocks that jump.
//!
//! A run is a list of steps. In each the seed chooses one of the things that can happen next: a
//! client asks, a message arrives, a node goes on with a request it is working on, the writer
//! takes its turn, somebody loses patience and asks again, something breaks. Nothing else moves.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bank::{Bank, Call, Caller, Refusal, Role, tables::PLATFORM};
use ledger::InstitutionId;
use stdx::{Id, Prng, Timestamp};
use store::{Fault as WriteFault, StoreError};

use crate::{
    Fault, Options,
    command::{Command, Given},
    history::{Attempt, History, Request, is_undecided},
    nodes::{NODES, Nodes, at_once, follow},
    workload::{Draw, Known},
};

/// Where every clock starts.
const START: Timestamp = Timestamp::constant(1_735_800_000, 0);
/// How many clients each institution has.
const CLIENTS: usize = 6;
/// The most steps between two commands: a run that stands still is a fault.
const STILL_MAX: u64 = 20_000;
/// The longest time a message stays under way, in steps.
const LATE_MAX: u64 = 1_500;
/// What the store says of a write that was told to fail.
const TOLD: &str = "told to fail";
/// The longest time a node stays down, in steps.
const DOWN_MAX: u64 = 120;

pub(crate) struct Simulation {
    options: Options,
    /// How far the run is, for whoever has to say where it broke.
    progress: Arc<AtomicU64>,
    step: u64,
    prng: Prng,
    asking: Prng,
    secrets: Prng,
    pub(crate) nodes: Nodes,
    /// Follows the log.
    observer: Bank,
    clocks: [Timestamp; NODES],
    /// From which step on a node that is down may come back.
    down_until: [u64; NODES],
    known: Vec<Known>,
    clients: Vec<Client>,
    messages: Vec<Message>,
    running: Vec<Running>,
    pub(crate) history: History,
    /// Whether the faults are over.
    quiet: bool,
}

/// Somebody who does one thing after the other.
struct Client {
    /// The place of its institution in [`Simulation::known`].
    of: usize,
    /// Which client of it.
    number: usize,
    asked: usize,
    /// The request it waits for.
    waits: Option<usize>,
}

#[derive(Clone, Copy)]
struct Message {
    what: Envelope,
    /// The step from which on it may arrive.
    from: u64,
}

#[derive(Clone, Copy)]
enum Envelope {
    Ask(usize),
    Answer(usize),
}

/// A request a node is working on.
struct Running {
    attempt: usize,
    node: usize,
    work: Pin<Box<dyn Future<Output = Given>>>,
    awake: Arc<Awake>,
}

struct Awake(AtomicBool);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Something that can happen next.
#[derive(Clone, Copy)]
enum Event {
    Ask,
    Arrive,
    GoOn,
    Turn,
    AskAgain,
    GiveUp,
    HangUp,
    WriteFails,
    Crash,
    Restart,
    ClockJump,
}

impl Simulation {
    pub(crate) fn new(options: Options, progress: Arc<AtomicU64>) -> Self {
        let seed = options.seed;
        let names = [&b"home"[..], b"away"];
        let known: Vec<_> = names.map(|name| Known::new(Id::derived(&[name]))).into();
        let clients = (0..CLIENTS * known.len()).map(|index| Client {
            of: index % known.len(),
            number: index / known.len(),
            asked: 0,
            waits: None,
        });
        let nodes = Nodes::new(seed);
        Self {
            progress,
            step: 0,
            observer: nodes.open(),
            prng: Prng::stream(seed, "schedule"),
            asking: Prng::stream(seed, "workload"),
            secrets: Prng::stream(seed, "secrets"),
            nodes,
            clocks: [START; NODES],
            down_until: [0; NODES],
            clients: clients.collect(),
            known,
            messages: Vec::new(),
            running: Vec::new(),
            history: History::default(),
            quiet: false,
            options,
        }
    }

    /// Every institution whose log there is, the platform's own directory last.
    pub(crate) fn institutions(&self) -> Vec<InstitutionId> {
        self.known.iter().map(|it| it.of).chain([PLATFORM]).collect()
    }

    /// Runs until every command has been asked for, then lets the faults end and the day close.
    pub(crate) fn run(&mut self) -> Result<(), Fault> {
        while self.history.requests.len() < self.options.commands {
            self.take_step()?;
        }
        self.quiet = true;
        self.tell("the faults end");
        self.settle()?;
        for of in 0..self.known.len() {
            let day = at_once(self.observer.institution(&self.reader(of)));
            let day = day.map_err(|it| self.fault(format!("no business date: {it}")))?;
            let close = Command::CloseDate(day.record.business_date);
            self.known[of].script.push_back((Role::Operator, close));
            self.known[of].script.push_back((Role::Operator, Command::RunMoments));
        }
        self.settle()
    }

    /// Goes on until nobody waits and nothing is left to be done.
    fn settle(&mut self) -> Result<(), Fault> {
        loop {
            let scripted = self.known.iter().any(|it| !it.script.is_empty());
            let waiting = self.clients.iter().any(|it| it.waits.is_some());
            if !scripted && !waiting && self.messages.is_empty() && self.running.is_empty() {
                return Ok(());
            }
            self.take_step()?;
        }
    }

    fn reader(&self, of: usize) -> Caller {
        caller(self.known[of].of, Role::Auditor)
    }

    fn take_step(&mut self) -> Result<(), Fault> {
        self.step += 1;
        self.progress.store(self.step, Ordering::Relaxed);
        let asked = self.history.requests.len() as u64 + 100;
        if self.step > asked * STILL_MAX {
            return Err(self.fault("nothing goes on".to_owned()));
        }
        let pass = Duration::from_millis(self.prng.below(40));
        for clock in &mut self.clocks {
            *clock = clock.saturating_add(pass).expect("a duration");
        }
        match self.draw() {
            Event::Ask => self.ask(),
            Event::Arrive => self.arrive(),
            Event::GoOn => self.go_on()?,
            Event::Turn => self.turn()?,
            Event::AskAgain => self.ask_again(),
            Event::GiveUp => self.give_up(),
            Event::HangUp => self.hang_up(),
            Event::WriteFails => self.fail_write(),
            Event::Crash => self.crash()?,
            Event::Restart => self.restart(),
            Event::ClockJump => self.jump(),
        }
        Ok(())
    }

    /// One of the things that can happen now, the likely ones more often.
    fn draw(&mut self) -> Event {
        let some = |possible: bool, weight: u64| if possible { weight } else { 0 };
        let unless_quiet = |weight: u64| if self.quiet { 0 } else { weight };
        let up = (0..NODES).filter(|node| self.nodes.bank(*node).is_some()).count();
        let arriving = self.messages.iter().any(|it| it.from <= self.step);
        let down = (0..NODES).any(|node| self.is_back(node));
        let waiting = self.clients.iter().any(|it| it.waits.is_some());
        let weights = [
            (Event::Ask, some(self.idle().next().is_some(), 240)),
            (Event::Arrive, some(arriving || self.quiet && !self.messages.is_empty(), 400)),
            (Event::GoOn, some(self.awake().next().is_some(), 400)),
            (Event::Turn, 160),
            (Event::AskAgain, some(self.impatient().next().is_some(), 30)),
            (Event::GiveUp, some(waiting, unless_quiet(1))),
            (Event::HangUp, some(!self.running.is_empty(), unless_quiet(3))),
            (Event::WriteFails, unless_quiet(3)),
            (Event::Crash, some(up > 0, unless_quiet(3))),
            (Event::Restart, some(down, 100)),
            (Event::ClockJump, unless_quiet(3)),
        ];
        let mut draw = self.prng.below(weights.iter().map(|it| it.1).sum());
        for (event, weight) in weights {
            if draw < weight {
                return event;
            }
            draw -= weight;
        }
        Event::Turn
    }

    /// Clients who have something to ask. The first of an institution does what is scripted; the
    /// others wait until it is set up.
    fn idle(&self) -> impl Iterator<Item = usize> {
        let full = self.history.requests.len() >= self.options.commands;
        self.clients.iter().enumerate().filter_map(move |(index, client)| {
            let scripted = !self.known[client.of].script.is_empty();
            let officer = client.number == 0;
            let ready = if officer { scripted || !full } else { !self.setting_up(client.of) };
            let may = ready && (officer && scripted || !full);
            (client.waits.is_none() && may).then_some(index)
        })
    }

    fn setting_up(&self, of: usize) -> bool {
        let officer = self.clients.iter().find(|it| it.of == of && it.number == 0);
        let steps = self.known[of].set_up;
        officer.is_some_and(|it| it.asked < steps || it.asked == steps && it.waits.is_some())
    }

    fn awake(&self) -> impl Iterator<Item = usize> {
        let running = self.running.iter().enumerate();
        running.filter(|(_, it)| it.awake.0.load(Ordering::Acquire)).map(|(index, _)| index)
    }

    /// Clients who may ask again: once the faults are over, those nobody is working for.
    fn impatient(&self) -> impl Iterator<Item = usize> {
        let attempts = &self.history.attempts;
        let busy: BTreeSet<usize> = match self.quiet {
            false => BTreeSet::new(),
            true => self
                .running
                .iter()
                .map(|it| attempts[it.attempt].request)
                .chain(self.messages.iter().map(|it| match it.what {
                    Envelope::Ask(request) => request,
                    Envelope::Answer(attempt) => attempts[attempt].request,
                }))
                .collect(),
        };
        self.clients.iter().enumerate().filter_map(move |(index, client)| {
            let waits = client.waits.filter(|request| !busy.contains(request));
            waits.map(|_| index)
        })
    }

    fn is_back(&self, node: usize) -> bool {
        let down = self.nodes.bank(node).is_none();
        down && (self.quiet || self.down_until[node] <= self.step)
    }

    fn pick(&mut self, indices: Vec<usize>) -> Option<usize> {
        if indices.is_empty() { None } else { Some(*self.prng.pick(&indices)) }
    }

    fn ask(&mut self) {
        let idle = self.idle().collect();
        let Some(index) = self.pick(idle) else { return };
        let (of, number) = (self.clients[index].of, self.clients[index].number);
        let institution = self.known[of].of;
        let (role, command) = self.next_command(of, number);
        // Now and then a key is used that belongs to another request.
        let mut key = format!("client {number}/{}", self.clients[index].asked);
        let own = self.history.requests.iter().filter(|it| it.of == institution);
        let own: Vec<String> = own.map(|it| it.key.clone()).collect();
        if number > 0 && self.asking.chance(1) && !own.is_empty() {
            key.clone_from(self.asking.pick(&own));
        }
        self.clients[index].asked += 1;
        let request = self.history.requests.len();
        self.tell(&format!("{institution} client {number} asks {request} {key:?} {command:?}"));
        let of = institution;
        self.history.requests.push(Request { of, role, key, command, step: self.step });
        self.clients[index].waits = Some(request);
        self.send(Envelope::Ask(request));
    }

    fn next_command(&mut self, of: usize, number: usize) -> (Role, Command) {
        if number == 0
            && let Some(scripted) = self.known[of].script.pop_front()
        {
            return scripted;
        }
        let other = self.known[(of + 1) % self.known.len()].of;
        let node = usize::try_from(self.asking.below(NODES as u64)).unwrap_or(0);
        let (bank, now) = (self.nodes.bank(node), self.clocks[node]);
        Draw { prng: &mut self.asking, now, bank, other }.request(&mut self.known[of])
    }

    /// Puts a message on its way: it may be late, doubled or lost.
    fn send(&mut self, what: Envelope) {
        let late = |prng: &mut Prng, percent| match prng.chance(percent) {
            true => prng.below(LATE_MAX),
            false => 0,
        };
        let from = self.step + late(&mut self.prng, 3);
        if self.quiet || !self.prng.chance(4) {
            self.messages.push(Message { what, from });
        }
        if !self.quiet && self.prng.chance(4) {
            let from = self.step + late(&mut self.prng, 50);
            self.messages.push(Message { what, from });
        }
    }

    fn arrive(&mut self) {
        let due = self.messages.iter().enumerate();
        let due = due.filter(|(_, it)| self.quiet || it.from <= self.step);
        let due = due.map(|(index, _)| index).collect();
        let Some(index) = self.pick(due) else { return };
        match self.messages.remove(index).what {
            Envelope::Ask(request) => self.begin(request),
            Envelope::Answer(attempt) => self.hear(attempt),
        }
    }

    /// A node takes a request in, unless it is down.
    fn begin(&mut self, request: usize) {
        let node = self.any_node();
        let Some(bank) = self.nodes.bank(node).cloned() else { return };
        let Request { of, role, key, command, .. } = self.history.requests[request].clone();
        let call = Call {
            caller: caller(of, role),
            key,
            digest: command.digest(),
            now: self.clocks[node],
            seed: self.secrets.bytes(),
        };
        let attempt = self.history.attempts.len();
        self.tell(&format!("node {node} begins {attempt} of {request}"));
        let (now, started) = (self.clocks[node], self.history.position());
        self.history.attempts.push(Attempt { request, now, started, ended: None });
        let work = Box::pin(async move { command.give(&bank, &call).await });
        let awake = Arc::new(Awake(AtomicBool::new(true)));
        self.running.push(Running { attempt, node, work, awake });
    }

    /// A node goes on with a request until it has to wait.
    fn go_on(&mut self) -> Result<(), Fault> {
        let awake = self.awake().collect();
        let Some(index) = self.pick(awake) else { return Ok(()) };
        let running = &mut self.running[index];
        running.awake.0.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&running.awake));
        let polled = running.work.as_mut().poll(&mut Context::from_waker(&waker));
        let Poll::Ready(given) = polled else { return Ok(()) };
        let attempt = self.running.swap_remove(index).attempt;
        self.tell(&format!("attempt {attempt}: {given:?}"));
        if let Err(Refusal::Store(error)) = &given {
            let told = matches!(error, StoreError::Unavailable(why) if why.contains(TOLD));
            if !told && !matches!(error, StoreError::TooLarge { .. }) {
                return Err(self.fault(format!("the store failed without a fault: {error}")));
            }
        }
        self.history.attempts[attempt].ended = Some((self.history.position(), given));
        self.send(Envelope::Answer(attempt));
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Fault> {
        let node = self.any_node();
        self.nodes.turn(node);
        self.observe()
    }

    /// Takes note of what became durable.
    fn observe(&mut self) -> Result<(), Fault> {
        for of in self.institutions() {
            let followed = follow(self.observer.store(), of, &mut self.history.logs);
            followed.map_err(|error| self.fault(format!("the log of {of}: {error}")))?;
        }
        self.history.turns.push((self.history.position(), self.step));
        Ok(())
    }

    fn any_node(&mut self) -> usize {
        usize::try_from(self.prng.below(NODES as u64)).unwrap_or(0)
    }

    /// A client hears an answer, unless it went on long ago.
    fn hear(&mut self, attempt: usize) {
        let Attempt { request, ended, .. } = &self.history.attempts[attempt];
        let (request, Some((_, given))) = (*request, ended.clone()) else { return };
        let Some(client) = self.clients.iter_mut().find(|it| it.waits == Some(request)) else {
            return;
        };
        match given {
            Ok(answer) => {
                client.waits = None;
                let command = &self.history.requests[request].command;
                self.known[client.of].learn(command, &answer);
            }
            Err(refusal) if is_undecided(&refusal) => {}
            Err(_) => client.waits = None,
        }
    }

    fn ask_again(&mut self) {
        let impatient = self.impatient().collect();
        let Some(index) = self.pick(impatient) else { return };
        if let Some(request) = self.clients[index].waits {
            self.send(Envelope::Ask(request));
        }
    }

    /// A client goes on without an answer: it will never know. The set-up is not given up.
    fn give_up(&mut self) {
        let waiting = self.clients.iter().enumerate();
        let waiting = waiting.filter(|(_, it)| it.waits.is_some() && it.number > 0);
        let waiting = waiting.map(|(index, _)| index).collect();
        if let Some(index) = self.pick(waiting) {
            self.clients[index].waits = None;
        }
    }

    /// A connection breaks while a node works on its request, which is dropped where it stands.
    fn hang_up(&mut self) {
        let running = (0..self.running.len()).collect();
        if let Some(index) = self.pick(running) {
            let attempt = self.running.swap_remove(index).attempt;
            self.tell(&format!("attempt {attempt} is dropped"));
        }
    }

    /// The next write of any node fails, before or after it is durable.
    fn fail_write(&mut self) {
        let fault = *self.prng.pick(&[WriteFault::Before, WriteFault::After]);
        self.tell(&format!("the next write fails: {fault:?}"));
        self.nodes.fail_next_write(fault);
    }

    fn crash(&mut self) -> Result<(), Fault> {
        let up = (0..NODES).filter(|node| self.nodes.bank(*node).is_some()).collect();
        let Some(node) = self.pick(up) else { return Ok(()) };
        let faults = [None, Some(WriteFault::Before), Some(WriteFault::Before)];
        let fault = *self.prng.pick(&faults);
        self.tell(&format!("node {node} crashes, its last write fails: {fault:?}"));
        self.running.retain(|it| it.node != node);
        self.nodes.crash(node, fault);
        self.down_until[node] = self.step + self.prng.below(DOWN_MAX);
        self.observe()
    }

    fn restart(&mut self) {
        let down = (0..NODES).filter(|node| self.is_back(*node)).collect();
        let Some(node) = self.pick(down) else { return };
        self.tell(&format!("node {node} starts"));
        self.nodes.start(node);
    }

    /// A clock is set: forward by up to a few hours, or back by up to some seconds.
    fn jump(&mut self) {
        let node = self.any_node();
        let clock = &mut self.clocks[node];
        *clock = match self.prng.below(3) {
            0 => clock.saturating_sub(Duration::from_millis(self.prng.below(20_000))),
            1 => clock.saturating_add(Duration::from_secs(self.prng.below(600))),
            _ => clock.saturating_add(Duration::from_secs(self.prng.below(20_000))),
        }
        .expect("a duration");
        let now = *clock;
        self.tell(&format!("the clock of node {node} is set to {now}"));
    }

    fn fault(&self, what: String) -> Fault {
        Fault { step: self.step, what }
    }

    fn tell(&self, what: &str) {
        if let Some(tell) = self.options.tell {
            tell(self.step, what);
        }
    }
}

/// Somebody of an institution; the role is the name in the log.
pub(crate) fn caller(institution: InstitutionId, role: Role) -> Caller {
    Caller { institution, actor: role.name().to_owned(), role, sees_personal_data: false }
}
