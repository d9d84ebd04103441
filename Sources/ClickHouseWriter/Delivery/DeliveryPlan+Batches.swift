internal import ClickHouseHTTP
internal import SQLiteSpool

/// What becomes of one batch: what happens to it, and what is done next. Each stage takes the event that its effect ends with, and no
/// other; the page Inside has the table.
extension DeliveryPlan {
    enum BatchEvent {
        /// Its turn has come.
        case begun
        /// The server was looked at; with the failure where that failed.
        case looked(InsertFailure?)
        case answered(Answer)
        case sent(InsertOutcome)
        /// The spool has done what it was asked for.
        case committed
        /// - suspicions: what ClickHouse's error said of each; empty when it said nothing.
        case replaced([Batch], suspicions: [Suspicion?])
        /// The spool has changed: damaged records were set aside.
        case changed
        /// The attempt ended without an answer: the spool failed, or the writer is being closed.
        case abandoned(FlushSpan.Outcome)
    }

    /// What the table has of a batch.
    enum Answer {
        /// It cannot be asked for these records.
        case unaskable
        case failed(InsertFailure)
        case nothing
        /// Some records of a sample.
        case some
        case rows([BatchMember], missing: [BatchMember])
    }

    enum Effect {
        case look
        /// - mayRunSince: since when an insert may run that must be over first; nil when none can.
        case ask(Question, mayRunSince: WallInstant?)
        case send
        case acknowledge(wasAccepted: Bool, viewLacks: Bool)
        case replace(Replacement)
        case setAside(InsertFailure)
        case record(InsertFailure, Retry)
        case end(FlushSpan.Outcome)
    }

    /// What takes a batch's place in the spool, each piece under a token of its own.
    enum Replacement {
        /// What the table lacks.
        case rest([BatchMember], of: [BatchMember], viewLacks: Bool)
        /// All of it: the table knows the token, and has none of the rows.
        case renewed
        case pieces(InsertFailure)
    }

    /// What is known besides the batch when something happens.
    private struct Setting {
        /// nil when the server was not asked.
        let destination: DestinationProfile?
        let canAsk: Bool
        let now: WallInstant

        func mustAsk(_ entry: Entry) -> Bool {
            entry.mustBeAsked || ResendPolicy.mustAsk(destination, age: entry.batch.frozenAt.duration(to: now))
        }
    }

    mutating func handle(
        _ event: BatchEvent,
        of batch: Batch,
        destination: DestinationProfile?,
        now: WallInstant
    ) -> Effect {
        let canAsk = hasIdentity && destination?.canReconcile == true
        let setting = Setting(destination: destination, canAsk: canAsk, now: now)
        var entry = self[batch]
        let effect = take(event, &entry, setting)
        if case .end = effect {
            switch (entry.stage, event) {
            case (.replacing, .replaced(let children, let suspicions)):
                replace(entry, with: children, suspicions)
                return effect
            case (.acknowledging, .committed), (.settingAside, .committed):
                entries.removeAll { $0.batch.token == batch.token }
                return effect
            default:
                entry.stage = .waiting
            }
        }
        self[batch] = entry
        return effect
    }

    private mutating func take(_ event: BatchEvent, _ entry: inout Entry, _ setting: Setting) -> Effect {
        switch (entry.stage, event) {
        case (.begun, .begun):
            if entry.makesRoom, var refusal = entry.refusal {
                entry.makesRoom = false
                // The table has its rows.
                if refusal.isOfView, !setting.canAsk { return acknowledge(&entry, wasAccepted: false) }
                refusal.message += " (set aside without proof that the table is fine: refused records filled the spool)"
                return ask(Question(doubt: .ownSend, purpose: .setAside(refusal)), &entry, setting)
            }
            if !entry.isDoubtful { return goOn(&entry, setting) }
            // Since the batch was sent, the table may have been changed: after a failure it is looked at anew.
            entry.mustBeAsked = setting.mustAsk(entry)
            if hasLooked(setting.now) { return goOnAfterLook(&entry, setting) }
            return enter(.looking, .look, &entry)
        case (.looking, .looked(nil)):
            noteLook(setting.now)
            return goOnAfterLook(&entry, setting)
        case (.looking, .looked(let failure?)):
            return keepInDoubt(&entry, failure, setting)
        case (.asking(let question), .answered(let answer)):
            return take(answer, to: question, &entry, setting)
        case (.sending, .sent(.accepted)):
            guard entry.mayBeRecognised, setting.canAsk, setting.destination?.mayRecogniseLostRows == true else {
                return accept(&entry)
            }
            entry.mayLackInView = false
            // Until the answer is there it may be stored.
            entry.doubt(since: nil)
            return ask(Question(doubt: .ownSend, purpose: .acknowledge), &entry, setting)
        case (.sending, .sent(.failed(let failure))):
            return fail(&entry, failure, setting)
        case (.acknowledging(let wasAccepted), .committed):
            if !wasAccepted { noteFound(entry) }
            return .end(wasAccepted ? .accepted : .stored)
        case (.replacing(let outcome), .replaced):
            // While everything is refused, a batch that is cut is no reason to go on sooner.
            if outcome != .split { recover() }
            return .end(outcome)
        case (.settingAside, .committed):
            recover()
            return .end(.deadLettered)
        case (.recording, .committed), (_, .changed):
            return .end(.kept)
        case (_, .abandoned(let outcome)):
            noteLook(nil)
            entry.doubt(since: setting.now)
            return .end(outcome)
        case (let stage, let event):
            preconditionFailure("\(entry.batch.token) is \(stage), and \(event) happened")
        }
    }

    private func enter(_ stage: Stage, _ effect: Effect, _ entry: inout Entry) -> Effect {
        entry.stage = stage
        return effect
    }

    private mutating func goOnAfterLook(_ entry: inout Entry, _ setting: Setting) -> Effect {
        setting.mustAsk(entry)
            ? ask(Question(doubt: .ownSend, purpose: .send), &entry, setting) : goOn(&entry, setting)
    }

    /// The table knows the batch by its token, but not what another owner has delivered under others.
    private mutating func goOn(_ entry: inout Entry, _ setting: Setting) -> Effect {
        guard entry.mayBeElsewhere else { return enter(.sending, .send, &entry) }
        // What an owner without a trace has delivered are whole batches, the oldest first: a sample shows them.
        let isSample = entry.batch.records > 100 && !others.mayStillHave(entry.batch)
        return ask(Question(doubt: .otherOwner, purpose: .send, isSample: isSample), &entry, setting)
    }

    // MARK: The table's answers

    private mutating func ask(_ question: Question, _ entry: inout Entry, _ setting: Setting) -> Effect {
        guard setting.canAsk else { return take(.unaskable, to: question, &entry, setting) }
        let mayRunSince = question.doubt == .ownSend ? entry.mayRunSince : nil
        return enter(.asking(question), .ask(question, mayRunSince: mayRunSince), &entry)
    }

    private mutating func take(
        _ answer: Answer,
        to question: Question,
        _ entry: inout Entry,
        _ setting: Setting
    ) -> Effect {
        var question = question
        switch answer {
        case .failed(let failure):
            return keepInDoubt(&entry, failure, setting)
        case .unaskable:
            // It may be stored: only what is refused is cut without asking.
            if case .cut(let failure) = question.purpose, !failure.isOfRows {
                return keepInDoubt(&entry, failure, setting)
            }
            return question.purpose == .acknowledge ? accept(&entry) : act(on: question.purpose, &entry)
        case .nothing:
            if question.doubt == .ownSend { entry.settle() }
            noteMiss(&entry)
            return act(on: question.purpose, &entry)
        case .some:
            question.isSample = false
            return ask(question, &entry, setting)
        case .rows where question.doubt == .otherOwner && entry.mayRunSince != nil:
            question.doubt = .ownSend
            return ask(question, &entry, setting)
        case .rows(_, missing: []):
            return acknowledge(&entry, wasAccepted: false)
        case .rows(let members, let missing):
            let rest = Replacement.rest(missing, of: members, viewLacks: entry.mayLackInView)
            return enter(.replacing(.stored), .replace(rest), &entry)
        }
    }

    /// The table has nothing of the batch, as far as can be known.
    private func act(on purpose: Question.Purpose, _ entry: inout Entry) -> Effect {
        switch purpose {
        case .send: enter(.sending, .send, &entry)
        case .acknowledge: enter(.replacing(.stored), .replace(.renewed), &entry)
        case .cut(let failure): enter(.replacing(.split), .replace(.pieces(failure)), &entry)
        case .setAside(let failure): enter(.settingAside, .setAside(failure), &entry)
        }
    }

    /// No other owner of the file has delivered any of it so far. Its own sends may still be running.
    private mutating func noteMiss(_ entry: inout Entry) {
        guard entry.mayBeElsewhere else { return }
        entry.mayBeElsewhere = others.mayStillHave(entry.batch)
        guard others.didMiss(entry.batch) else { return }
        // What is older was not asked for with an answer yet.
        for index in entries.indices where entries[index].batch.ids.lowerBound > entry.batch.ids.lowerBound {
            entries[index].mayBeElsewhere = entries[index].mayBeElsewhere && others.mayHave(entries[index].batch)
        }
    }

    /// The table has all of it. Which of its sends stored it is not known: the first, at the earliest. Or another owner of the file did, at
    /// any time.
    private mutating func noteFound(_ entry: Entry) {
        if entry.isDoubtful, !entry.mayBeElsewhere, !entry.mayLackInView, let start = entry.firstStartedAt {
            prove(start)
        }
        recover()
        noteTaken(entry)
    }

    // MARK: ClickHouse's answers

    private mutating func accept(_ entry: inout Entry) -> Effect {
        guard let startedAt = entry.startedAt else { preconditionFailure("\(entry.batch.token) was never sent") }
        moment += 1
        prove(startedAt)
        if entry.suspicion == .accused { trustsRows = false }
        recover()
        noteTaken(entry)
        sizing.grow(after: entry.batch.records)
        return acknowledge(&entry, wasAccepted: true)
    }

    private func acknowledge(_ entry: inout Entry, wasAccepted: Bool) -> Effect {
        let effect = Effect.acknowledge(wasAccepted: wasAccepted, viewLacks: !wasAccepted && entry.mayLackInView)
        return enter(.acknowledging(wasAccepted: wasAccepted), effect, &entry)
    }

    private mutating func fail(_ entry: inout Entry, _ failure: InsertFailure, _ setting: Setting) -> Effect {
        moment += 1
        var failure = failure
        if setting.destination?.guarantee.isAtLeastOnce == true, failure.kind == .outcomeUnknown {
            entry.doubts += 1
            doubtsInRow += 1
            let sends = max(entry.doubts, doubtsInRow)
            if sends >= DoubtPolicy.freeSends { failure.sendsInDoubt = sends }
        }
        entry.count(failure)
        if failure.mayHaveBeenStored {
            let mayRun = !failure.isOfRows || failure.code == nil
            entry.doubt(since: mayRun ? setting.now : nil)
            if failure.mustBeAsked { entry.mustBeAsked = true }
        }
        // It may be for one record. What costs one refusal a batch is not worth smaller ones for all.
        if failure.kind == .tooLarge, !entry.isPiece {
            sizing.shrink(from: entry.batch.records, least: usualBatchSize)
        }
        if failure.isOfSome, !failure.isOfView, !entry.waitsAlone {
            unknownFields += 1
            if unknownFields <= Self.equalFailures || !hasLooked(setting.now) { mustLook = true }
        }
        if isRefused(failure, setting) { return judge(&entry, failure, setting) }
        noteLook(nil)
        if isTooMuch(&entry, failure) {
            if !entry.isPiece { sizing.shrink(from: entry.batch.records) }
            // It may be stored nevertheless, so it is cut only where the table can be asked.
            failure.cannotBeCut = !setting.canAsk
            if setting.canAsk { return ask(Question(doubt: .ownSend, purpose: .cut(failure)), &entry, setting) }
        }
        return record(&entry, failure, wait(&entry, failure, setting.now))
    }

    /// Whether others may be taken. A field that the table lacks shows that only where looks find that all columns of today's records are there.
    /// Where each send stores the rows again, a view that fails holds all.
    private func isRefused(_ failure: InsertFailure, _ setting: Setting) -> Bool {
        if failure.isRefusal { return !failure.acceptsElsewhere }
        if !failure.isOfSome { return false }
        if failure.isOfView { return setting.destination?.guarantee.isAtLeastOnce == false }
        return unknownFields >= Self.equalFailures
    }

    /// Whether fewer records may do: for the server's memory or time, or for a link that breaks off or is too slow. A single failure
    /// shows that only where so many were too many before, and of the memory where there are more than usual.
    private func isTooMuch(_ entry: inout Entry, _ failure: InsertFailure) -> Bool {
        let isMemory = failure.code == ExceptionCode.memoryLimitExceeded
        let isOfSize =
            failure.kind == .transient && (isMemory || failure.code == ExceptionCode.timeoutExceeded)
            || failure.kind == .outcomeUnknown && (failure.transport != nil || failure.isCut)
        entry.failuresOfSize = isOfSize ? entry.failuresOfSize + 1 : 0
        let isKnown = isMemory && entry.batch.records > usualBatchSize || entry.batch.records > sizing.ceiling
        let enough = isKnown ? 1 : Self.equalFailures
        return entry.batch.records > 1 && entry.failuresOfSize >= enough
    }

    private mutating func judge(_ entry: inout Entry, _ failure: InsertFailure, _ setting: Setting) -> Effect {
        // The server is there, and read the batch.
        recover()
        refusalsInRow += 1
        refusal = failure
        if refusesEverything {
            pause = Pause(delay(failure, failures: refusalsInRow - Self.freeRefusals), from: setting.now)
        }
        if let suspicion = entry.suspicion { trustsRows = suspicion == .accused }
        if entry.batch.records > 1, !failure.isOfView {
            // Whatever was accepted before says nothing any more: the table may have been changed since.
            if failure.isRefusal { entry.refusedAt = moment }
            return ask(Question(doubt: .ownSend, purpose: .cut(failure)), &entry, setting)
        }
        let waitedAlone = entry.waitsAlone
        entry.isOnlyOne = false
        entry.refusal = failure
        if entry.waitsAlone {
            return record(&entry, failure, noteAlone(failure, isNew: !waitedAlone, setting.now))
        }
        let delay = delay(failure, failures: entry.failures)
        if isProven(entry) { return ask(Question(doubt: .ownSend, purpose: .setAside(failure)), &entry, setting) }
        entry.refusedAt = entry.refusedAt ?? moment
        entry.pause = Pause(delay, from: setting.now)
        return record(&entry, failure, delay)
    }

    /// The server did not say what it has, or what its table is.
    private mutating func keepInDoubt(_ entry: inout Entry, _ failure: InsertFailure, _ setting: Setting) -> Effect {
        noteLook(nil)
        entry.isDoubtful = true
        entry.count(failure)
        return record(&entry, failure, wait(&entry, failure, setting.now))
    }

    private func record(_ entry: inout Entry, _ failure: InsertFailure, _ delay: Duration) -> Effect {
        let isOfBatch = failure.isRefusal || entry.waitsAlone || entry.obstacle != nil
        let failures = isOfBatch ? entry.failures : outage?.failures ?? 0
        return enter(.recording, .record(failure, (delay, failures)), &entry)
    }

    private mutating func wait(_ entry: inout Entry, _ failure: InsertFailure, _ now: WallInstant) -> Duration {
        let delay: Duration
        let isDoubtOfBatch = failure.sendsInDoubt > 0 && !repeatsDoubt
        let waitedAlone = entry.waitsAlone
        if isOnlyOne(entry) { entry.isOnlyOne = true }
        entry.failedAt = moment
        if failure.concernsBatchAlone || isDoubtOfBatch {
            delay = self.delay(failure, failures: entry.failures)
            entry.obstacle = failure
        } else if entry.isOnlyOne, !failure.isUnreached {
            entry.obstacle = failure
            return noteAlone(failure, isNew: !waitedAlone, now)
        } else {
            delay = noteOutage(failure, isOfLook: false, now)
        }
        // The batch's own wait, also when another one is accepted meanwhile.
        entry.pause = Pause(delay, from: now)
        return delay
    }

    // MARK: Pieces

    /// How the members of a batch that was refused are sent next, and what the error says of each piece.
    func pieces<Member>(of members: [Member], badRow: Int?) -> (pieces: [[Member]], suspicions: [Suspicion?]) {
        guard trustsRows, let badRow, members.indices.contains(badRow - 1) else {
            let half = members.count / 2
            return ([Array(members[..<half]), Array(members[half...])], [nil, nil])
        }
        let all: [([Member], Suspicion?)] = [
            (Array(members[..<(badRow - 1)]), .cleared), ([members[badRow - 1]], .accused),
            (Array(members[badRow...]), nil),
        ]
        let pieces = all.filter { !$0.0.isEmpty }
        return (pieces.map(\.0), pieces.map(\.1))
    }

    private mutating func replace(_ parent: Entry, with children: [Batch], _ suspicions: [Suspicion?]) {
        let index = known(parent.batch)
        // The spool may have told of them already, and one of them may be on its way.
        let unknown = children.enumerated().filter { entry(of: $0.element) == nil }
        entries.replaceSubrange(
            index...index,
            with: unknown.map { number, child in
                Entry(
                    batch: child,
                    isPiece: true,
                    mayBeElsewhere: others.mayStillHave(child),
                    // Its records were tried, with the parent.
                    firstStartedAt: parent.firstStartedAt,
                    startedAt: parent.startedAt,
                    refusedAt: parent.refusedAt,
                    suspicion: suspicions.isEmpty ? nil : suspicions[number]
                )
            }
        )
    }
}
