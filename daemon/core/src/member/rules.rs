//! The rules of the election by name (docs/election.md): a place where a rule decides asks here.
//!
//! In the program every rule applies, and asking costs nothing. In the tests of this crate a rule
//! can be switched off, which must bring its counterexample back, and each time that a rule decides
//! is counted. Used by the machine's own modules alone.

#[cfg(test)]
pub(crate) mod switches;
#[cfg(test)]
mod tests;

macro_rules! rules {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// A rule, or the side of one that a counterexample needs apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Rule {
            $($(#[$doc])+ $name,)+
        }

        impl Rule {
            /// Every rule.
            #[cfg(test)]
            pub(crate) const ALL: &[Rule] = &[$(Rule::$name,)+];
        }
    };
}

rules! {
    /// Of two claims at one term the one of higher rank stands.
    OrderByRank,
    /// Ability is a level, not only able or unable.
    Levels,
    /// Decisions are repeated until nothing changes.
    UntilNothingChanges,
    /// Input is applied before any deadline is looked at.
    R1InputFirst,
    /// After a pause the machine starts over, and what is queued is thrown away.
    R2Zombie,
    /// Nobody is given up before a witness or another peer has answered a question of now.
    R3AskFirst,
    /// Only a peer that is heard now is company.
    R3Company,
    /// A cut-off node keeps its claims as wishes.
    R3Wish,
    /// What is claimed before anybody was ever met has term 0.
    R3FirstTerm,
    /// Nothing is claimed before every known peer is heard, or the join's time is over.
    R4Join,
    /// A join needs the peers' facts, not only their acknowledgements.
    R4Facts,
    /// After a join that ended by time only own wishes are resumed for a while.
    R4Grace,
    /// A join with neither company nor witness ends in isolation.
    R4End,
    /// A higher claim silences at once.
    R5Yield,
    /// A lower claim is answered by announcing again.
    R6Reassert,
    /// What this node cannot serve any more it is silent for.
    R7Lose,
    /// The holder names its successor; nobody takes from a holder that is only less able.
    R8HolderNames,
    /// The holder speaks until it sees that its successor does.
    R8BreakAfterSight,
    /// An offer that is not taken goes to the next.
    R8NextOffer,
    /// A stopping holder offers to whoever can serve at all.
    R8Stopping,
    /// An offer is taken only by a node that is at least as able.
    R9Level,
    /// A claim's term is one more than anybody's, not only one more than this node's.
    R9SharedTerms,
    /// What comes from disk is a wish, not a claim.
    R10Wish,
    /// A wish ends when a higher term is known.
    R10KnownTerm,
    /// Of two wishes the higher one resumes.
    R10Order,
    /// What somebody else wishes is no vacancy.
    R10Others,
    /// A vacancy goes to the hash's pick.
    R11Pick,
    /// Joining nodes are picked as well.
    R11Joining,
    /// Nothing is taken while a live peer's facts are missing.
    R11Facts,
    /// Nothing is taken while a live peer holds somebody who is unknown here.
    R11Held,
    /// A vacancy that a silent peer answers for on the wire is left alone.
    R11Wire,
    /// A foreign host that answers for an address delays nobody.
    R11Foreign,
    /// What is dark for too long is taken by whoever is able.
    R11Patience,
    /// The patience doubles when what it took is lost again.
    R11Doubling,
    /// A peer that does not hear this node is given way to.
    R12Deaf,
    /// Only after some beats.
    R12Delay,
    /// What is heard directly goes on to those who do not hear it.
    R13Relay,
    /// No relay brings back a life that has ended.
    R13Ended,
    /// A silent peer that announces the same address is measured by rank.
    R14Wire,
    /// Only after some beats.
    R14Delay,
    /// A suspect is asked for a while before it is dead.
    R15Confirm,
    /// A kernel that answers vouches for its host.
    R15Kernel,
    /// Only answers with the peer's own MAC vouch for it.
    R15OwnMac,
    /// A third node that hears the peer vouches for it.
    R15Friend,
    /// A hung node whose addresses still answer is not given up.
    R15Speaks,
    /// A refused port proves nothing unless the peer was pinged.
    R15Refusal,
    /// Claims of a restarting peer are held.
    R16Hold,
    /// A restarting node ends only when everybody knows.
    R16Acknowledged,
    /// A stopping node hands over before it ends.
    R17Stop,
    /// An address goes to its place after a while.
    R18FailBack,
    /// What falls again and again rises late.
    R19Damping,
    /// A node that hears no majority serves nothing.
    R20Quorum,
    /// A pinned address is offered to its node.
    R21Pin,
    /// What was moved for a time goes back.
    R21Return,
    /// Every life has a session of its own.
    S1Session,
    /// Only datagrams to this life are believed.
    S2Receiver,
    /// Each datagram counts once.
    S2Window,
    /// One that was overtaken counts as well.
    S2Late,
    /// A session is believed when it echoes a challenge.
    S3Challenge,
    /// Challenges expire.
    S3Expiry,
    /// A goodbye ends the session.
    S3Goodbye,
    /// Who has not heard the greeting of a session acknowledges nothing of it.
    S3Greeting,
    /// A lost hello is followed by another one soon.
    S3Again,
    /// Who speaks for an address of this node may be a node that it never met: it is greeted.
    S3Unmet,
    /// A second session of one identity waits until the first is silent.
    S4Incumbent,
    /// Of two machines with one identity one is mute.
    S5Mute,
    /// A reply to somebody unknown acknowledges nothing.
    S5ReplyAcknowledgesNothing,
    /// A late datagram is a sign of life and nothing else.
    S6Late,
}

/// Whether the rule decides here.
#[cfg(not(test))]
pub(super) const fn applies(_rule: Rule) -> bool {
    true
}

#[cfg(test)]
pub(super) use switches::applies;
