/*
 * A model of the delivery: freeze, send, crash, copy, resend, forget, ask, acknowledge. `./check` has SPIN try every order of events.
 *
 * NAMES, here and in Swift
 *   stages        DeliveryPlan.Entry.Stage: waiting, looking, asking, sending, acknowledging, replacing, settingAside. The stages `begun`
 *                 and `recording` are parts of the step before or after. The inlines answer, refuse (judge), goOn, act, accept, noteMiss
 *                 and keepInDoubt are functions of DeliveryPlan+Batches.swift; Writer has the order of DeliveryPlan.next.
 *   Question      purpose[]; a slot in `others` asks for Doubt.otherOwner, any other one for Doubt.ownSend
 *   Entry         doubtful = isDoubtful, must = mustBeAsked, recog = mayBeRecognised, lacks = mayLackInView, elsewhere = mayBeElsewhere,
 *                 running = mayRunSince, suspect = refusal, refused = refusedAt, proven = isProven, makesRoom. before[] and firstBefore[]
 *                 stand for startedAt and firstStartedAt: they hold which refusals came before that send.
 *   OtherOwners   copied[] = copiedThrough, recovered = recoveredThrough
 *   ResendPolicy  mustAsk; a batch in `aged` was frozen more than a minute ago
 *   the spool     pending[], rec[] (the records of a batch), tok[] (its token), dead[] (dead letters), viewError[] (the latest error is
 *                 a view's). They survive a crash. Index 0 is the original file, 1 is its copy.
 *   ClickHouse    once, twice (records stored), inView, known[] (tokens remembered), request[] (an insert that still runs)
 *   Each set of records is a mask of bits, and each set of batches is a mask of slots. The oldest record is the lowest bit.
 *
 * WHAT IT COVERS
 *   At most 4 records, batches of 1 or 2 of them, 1 or 2 batches sent at once, an original file and one copy of it. ClickHouse may answer;
 *   give no answer (nothing is stored, all is stored, the first row is stored, or the insert still runs); refuse a record; refuse all
 *   records until the table is fixed; fail in a view after the table stored the rows; forget a token; and remember a token whose rows it
 *   lost. The process may die between any two steps. The file may be copied at any moment; original and copy then run in turn.
 *   Safety: nothing leaves the spool that is neither stored nor a dead letter. Nothing is stored twice where that is promised (`promised`).
 *   A good record becomes a dead letter only when refused records fill the spool. What is stored becomes no dead letter where the table
 *   can be asked.
 *   Progress, with bounded faults and crashes and fair processes (`settled`): all records are written, the good ones are stored, and each
 *   bad one becomes a dead letter, or waits for proof in a spool that has room.
 *
 * WHAT IT LEAVES OUT
 *   Lengths of time: a wait may end at any moment; for progress it ends only when nothing else can be done. Several servers, replicas and
 *   quorums, samples, batches cut for their size, "(at row N)", the hold after doubts, the alternation after 20 refusals, the fault of the
 *   whole server (Outage), damage, failures of the spool itself, `dropOldest`, requeued dead letters, two owners at the same time, what a
 *   view gets twice, and all that the page Failures lists as what no writer can know. With OPEN=2 a missing batch never ends the
 *   questions for other owners, so the model asks more than the writer. Progress is checked with OPEN=1 only.
 *
 * SWITCHES are defined below; `check` says which are used and what is expected. The value is 0 or 1 unless a comment says otherwise.
 */
#ifndef N
#define N 3                 /* records */
#endif
#ifndef BATCH
#define BATCH 2             /* most records of a batch */
#endif
#ifndef OPEN
#define OPEN 1              /* maxInFlight */
#endif
#ifndef WINDOW
#define WINDOW 1            /* the table remembers tokens */
#endif
#ifndef FORGETS
#define FORGETS 0           /* it may forget a token that is older than a minute; 2: also while an insert under it runs */
#endif
#ifndef LOSES
#define LOSES 0             /* it may remember a token and lose the rows: mayRecogniseLostRows */
#endif
#ifndef ASKABLE
#define ASKABLE 1           /* canReconcile, and the record type has an identity */
#endif
#ifndef BAD
#define BAD 0               /* mask of records that ClickHouse refuses */
#endif
#ifndef BROKEN
#define BROKEN 0            /* once the table refuses all records, until it is fixed */
#endif
#ifndef VIEW
#define VIEW 0              /* a view may fail */
#endif
#ifndef FAULTS
#define FAULTS 2            /* answers that do not come, views that fail */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef COPIES
#define COPIES 0            /* the file may be copied; so often original and copy take turns */
#endif
#ifndef IMAGE
#define IMAGE 0             /* the copy is not recognised as one: a disk image that was rolled back */
#endif
#ifndef ORDERED
#define ORDERED 0           /* who ran before the last turn has delivered the oldest records first, as OtherOwners assumes */
#endif
#ifndef CAP
#define CAP S               /* records that have room in the spool */
#endif
#ifndef RESERVE
#define RESERVE 0           /* not 0: dead letters take room too, and this much more is kept for undelivered records */
#endif
#define S 3                 /* slots: most batches of a file */

#define bit(i) (1 << (i))
#define has(m, i) (((m) >> (i)) & 1)
#define low(m) ((m) & -(m))
#define count(m) (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1) + (((m) >> 3) & 1))
#define at(i) (f * S + (i))

mtype = { waiting, looking, asking, sending, acknowledging, replacing, settingAside };
mtype = { toSend, toAcknowledge, toCut, toSetAside };

/* The files. f is the one that runs. */
bit f;
byte pending[2], dead[2], copied[2], written[2];
byte rec[2 * S], tok[2 * S];
byte aged[2], viewError[2];     /* slots whose latest error is a view's: lastError */
byte next;                      /* the next record that the application writes */
#ifdef OLD_TOKENS
byte number[N];                 /* the id that a record has in its file */
#define TOKENS (N * N)
#else
#define TOKENS (2 * S + 1)
#endif

/* What the process knows. */
mtype stage[S] = waiting, purpose[S];
byte miss[S], before[S], firstBefore[S];
byte doubtful, must, recog, lacks, elsewhere, running, suspect, refused, proven, tried;
byte others, paused, split, found;
byte recovered;
byte makesRoom;                 /* slots that leave a full spool without proof */
bit hot;                        /* a question for makesRoom had no answer, and no time has passed */

/* ClickHouse. */
byte once, twice, inView;
byte request[TOKENS];
bit known[TOKENS];
bit broken, mayBreak = BROKEN;
byte faults = FAULTS, crashes = CRASHES;
byte turns = COPIES;
bit isCopied;

#define occupied(x) ((rec[(x) * S] > 0) | ((rec[(x) * S + 1] > 0) << 1) | ((rec[(x) * S + 2] > 0) << 2))
#define inBatches(x) (rec[(x) * S] | rec[(x) * S + 1] | rec[(x) * S + 2])
#define undelivered (pending[f] | inBatches(f))
#define isOpen(i) (stage[i] != waiting)
#define open (isOpen(0) + isOpen(1) + isOpen(2))
/* What is accepted counts no more. For progress it does: a step that can be done is not put off for ever. */
#ifdef PROGRESS
#define counts(i) isOpen(i)
#else
#define counts(i) (isOpen(i) && !(stage[i] == acknowledging && !has(found, i)))
#endif
#define sendingNow (counts(0) + counts(1) + counts(2))
#define ready (occupied(f) & ~paused & ~(isOpen(0) | (isOpen(1) << 1) | (isOpen(2) << 2)))

#if RESERVE
#define letters count(dead[f])
#define hasRoom (count(undelivered) + letters < CAP || \
    (count(undelivered) < RESERVE && count(undelivered) + letters < CAP + RESERVE))
#else
#define hasRoom (count(undelivered) < CAP)
#endif
#define isFull (next < N && !hasRoom)

#ifndef NO_LETTERS_BOUNDED          /* dead letters leave the reserve alone */
#define maySetAside (count(dead[f]) < CAP)
#else
#define maySetAside 1
#endif
#ifndef NO_ROOM_WAITS            /* what leaves for room waits as others do, and a question without an answer is followed by a wait */
#define mayLeave (hot -> 0 : ready)
#else
#define mayLeave occupied(f)
#endif
#ifdef OLD_FULL
#define leavesForRoom 0
#else
#define leavesForRoom (isFull && pending[f] == 0 && occupied(f) && (occupied(f) & ~suspect) == 0 && open == 0 && maySetAside)
#endif

#ifdef NO_ASK
#define mustAsk(i) 0
#elif defined(NO_AGE)
#define mustAsk(i) (has(must, i) || (ASKABLE && !WINDOW))
#else
#define mustAsk(i) (has(must, i) || (ASKABLE && (!WINDOW || has(aged[f], i))))
#endif

#ifndef NO_MISS_BEHIND              /* a batch that is missing says nothing of an older one that was not asked for */
#define clears(x, i) (rec[at(x)] >= rec[at(i)])
#else
#define clears(x, i) true
#endif
#ifdef NO_OTHERS
#define asksForOthers 0
#else
#define asksForOthers 1
#endif

/* What is promised to be stored once. */
#if ASKABLE
#define promised (bit(N) - 1)
#elif WINDOW && !FORGETS
#define promised ((bit(N) - 1) & ~(copied[0] | copied[1]))
#else
#define promised 0
#endif

#define settled (next == N && pending[f] == 0 && (inBatches(f) & ~BAD) == 0 && (occupied(f) & ~(suspect & ~proven)) == 0)

/* ---- ClickHouse ---- */

inline insert(t, m, seen) {
    if
    :: WINDOW && known[t] -> skip
    :: else ->
        twice = twice | (once & (m));
        once = once | (m);
        known[t] = WINDOW;
        assert((twice & promised) == 0)         /* at most once where promised */
    fi;
    if
    :: seen -> inView = inView | (m)
    :: else -> skip
    fi
}

/* ---- The spool ---- */

#define usedBy(x, t) ((rec[(x) * S] && tok[(x) * S] == t) || (rec[(x) * S + 1] && tok[(x) * S + 1] == t) \
    || (rec[(x) * S + 2] && tok[(x) * S + 2] == t))
#define used(t) (usedBy(0, t) || usedBy(1, t) || request[t])

/* A token that no batch has any more is never drawn again; its number stands for a new one. */
inline forgetUnused() {
#ifdef OLD_TOKENS
    skip
#else
    t = 0;
    do
    :: t < TOKENS ->
        if
        :: !used(t) -> known[t] = 0
        :: else -> skip
        fi;
        t++
    :: else -> break
    od;
    t = 0
#endif
}

inline draw(i, m) {
#ifdef OLD_TOKENS
    t = 0;
    do
    :: bit(t) == low(m) -> break
    :: else -> t++
    od;
    k = t;
    do
    :: bit(k) <= (m) && bit(k + 1) > (m) -> break
    :: else -> k++
    od;
    tok[at(i)] = number[t] * N + number[k];
    rec[at(i)] = m;
    k = 0
#else
    rec[at(i)] = 0;
    t = 0;
    do
    :: used(t) -> t++
    :: else -> break
    od;
    known[t] = 0;
    tok[at(i)] = t;
    rec[at(i)] = m;
#endif
    t = 0
}

inline clear(i) {
    rec[at(i)] = 0; tok[at(i)] = 0;
    stage[i] = waiting; purpose[i] = 0; miss[i] = 0; before[i] = 0; firstBefore[i] = 0;
    k = 255 - bit(i);
    aged[f] = aged[f] & k; viewError[f] = viewError[f] & k;
    doubtful = doubtful & k; must = must & k; recog = recog & k; lacks = lacks & k; elsewhere = elsewhere & k; running = running & k;
    suspect = suspect & k; refused = refused & k; proven = proven & k; tried = tried & k;
    others = others & k; paused = paused & k; split = split & k; found = found & k; makesRoom = makesRoom & k;
    unmark(i);
    k = 0;
    forgetUnused()
}

/* No send came after this refusal. */
inline unmark(i) {
    before[0] = before[0] & ~bit(i); before[1] = before[1] & ~bit(i); before[2] = before[2] & ~bit(i);
    firstBefore[0] = firstBefore[0] & ~bit(i); firstBefore[1] = firstBefore[1] & ~bit(i); firstBefore[2] = firstBefore[2] & ~bit(i)
}

/* A new process: what was in batches may have been sent. */
inline recover() {
#ifdef NO_COMMIT
    pending[f] = pending[f] | inBatches(f);
    rec[at(0)] = 0; rec[at(1)] = 0; rec[at(2)] = 0; tok[at(0)] = 0; tok[at(1)] = 0; tok[at(2)] = 0;
    aged[f] = 0; viewError[f] = 0;
    forgetUnused();
#endif
    stage[0] = waiting; stage[1] = waiting; stage[2] = waiting;
    purpose[0] = 0; purpose[1] = 0; purpose[2] = 0;
    miss[0] = 0; miss[1] = 0; miss[2] = 0;
    before[0] = 0; before[1] = 0; before[2] = 0; firstBefore[0] = 0; firstBefore[1] = 0; firstBefore[2] = 0;
    must = 0; suspect = 0; refused = 0; proven = 0; others = 0; paused = 0; split = 0; found = 0; makesRoom = 0; hot = 0;
    recog = occupied(f); running = occupied(f); tried = occupied(f);
    lacks = viewError[f];
#ifdef NO_DOUBT
    doubtful = 0;
#else
    doubtful = occupied(f);
#endif
    elsewhere = occupied(f);
    recovered = pending[f]
}

/* ---- DeliveryPlan ---- */

inline keep(i) {                /* recording, waiting */
    stage[i] = waiting; purpose[i] = 0; others = others & ~bit(i); makesRoom = makesRoom & ~bit(i);
    paused = paused | bit(i)
}

inline overwriteError(i) {
#ifndef NO_VIEW_KEPT                /* the spool keeps that a view failed, whatever fails later */
    skip
#else
    viewError[f] = viewError[f] & ~bit(i)
#endif
}

inline keepInDoubt(i) {
    doubtful = doubtful | bit(i);
    overwriteError(i);
    if
    :: has(makesRoom, i) -> hot = 1
    :: else -> skip
    fi;
    keep(i)
}

inline doubt(i, mayRun) {
    doubtful = doubtful | bit(i); recog = recog | bit(i);
    running = running | (mayRun << (i));
    must = must | ((!WINDOW) << (i));
    overwriteError(i)
}

inline ask(i, p, isOther) {
    if
    :: ASKABLE -> stage[i] = asking; purpose[i] = p; others = (others & ~bit(i)) | (isOther << (i))
    :: else -> act(i, p)        /* unaskable: only what is refused is cut here */
    fi
}

inline act(i, p) {
    if
    :: p == toSend -> stage[i] = sending
    :: p == toAcknowledge && ASKABLE -> stage[i] = replacing; miss[i] = rec[at(i)]
    :: p == toAcknowledge && !ASKABLE -> accept(i)
    :: p == toCut -> stage[i] = replacing; miss[i] = rec[at(i)]; split = split | bit(i)
    :: p == toSetAside -> stage[i] = settingAside
    fi;
    purpose[i] = 0; others = others & ~bit(i)
}

inline accept(i) {
    proven = proven | (before[i] & refused);
    stage[i] = acknowledging
}

inline goOn(i) {
    if
    :: asksForOthers && has(elsewhere, i) -> ask(i, toSend, 1)
    :: else -> stage[i] = sending
    fi
}

inline begin(i) {
    paused = paused & ~bit(i);
    before[i] = refused & ~bit(i);
    if
    :: !has(tried, i) -> tried = tried | bit(i); firstBefore[i] = before[i]
    :: else -> skip
    fi;
    if
#ifndef NO_VIEW_STORED              /* what a view has failed with is in the table */
    :: has(makesRoom, i) && !ASKABLE && has(lacks, i) -> stage[i] = acknowledging; found = found | bit(i)
    :: has(makesRoom, i) && !(!ASKABLE && has(lacks, i)) -> ask(i, toSetAside, 0)
#else
    :: has(makesRoom, i) -> ask(i, toSetAside, 0)
#endif
    :: else ->
        if
        :: has(doubtful, i) ->
            must = (must & ~bit(i)) | (mustAsk(i) << (i));
            stage[i] = looking
        :: else -> goOn(i)
        fi
    fi
}

inline noteMiss(i) {
    if
    :: has(elsewhere, i) && !(low(rec[at(i)]) & copied[f]) ->
        elsewhere = elsewhere & ~bit(i);
        if
        :: OPEN == 1 && (low(rec[at(i)]) & recovered) ->
            k = 0;
            do
            :: k < S ->
                if
                :: (low(rec[at(k)]) & recovered & ~copied[f]) && clears(k, i) -> elsewhere = elsewhere & ~bit(k)
                :: else -> skip
                fi;
                k++
            :: else -> break
            od;
            k = 0;
            recovered = 0
        :: else -> skip
        fi
    :: else -> skip
    fi
}

inline answer(i) {
    m = rec[at(i)] & once;
    if
    :: m == 0 ->
        if
        :: !has(others, i) -> doubtful = doubtful & ~bit(i); must = must & ~bit(i); running = running & ~bit(i)
        :: else -> skip
        fi;
        noteMiss(i);
        act(i, purpose[i])
    :: m && has(others, i) && has(running, i) -> others = others & ~bit(i)
    :: m && !(has(others, i) && has(running, i)) ->
        purpose[i] = 0; others = others & ~bit(i);
        if
        :: m == rec[at(i)] -> stage[i] = acknowledging; found = found | bit(i)
        :: else -> stage[i] = replacing; miss[i] = rec[at(i)] & ~m
        fi
    fi;
    m = 0
}

inline refuse(i) {              /* judge */
    doubt(i, 0);
    if
    :: count(rec[at(i)]) > 1 ->
        refused = refused | bit(i); proven = proven & ~bit(i);
        unmark(i);
#ifdef NO_ASK_CUT
        act(i, toCut)
#else
        ask(i, toCut, 0)
#endif
    :: else ->
        suspect = suspect | bit(i);
        if
#ifdef NO_PROOF
        :: true -> ask(i, toSetAside, 0)
#else
        :: has(proven, i) -> ask(i, toSetAside, 0)
        :: !has(proven, i) ->
            refused = refused | bit(i);
            keep(i)
#endif
        fi
    fi
}

inline answerSend(i) {
    m = rec[at(i)]; t = tok[at(i)];
    if
    /* ClickHouse answers. */
    :: (broken || (m & BAD)) -> refuse(i)
    :: !(broken || (m & BAD)) ->
        insert(t, m, 1);
#ifdef OLD_ACK
        accept(i)
#else
        if
        :: has(recog, i) && ASKABLE && LOSES -> lacks = lacks & ~bit(i); ask(i, toAcknowledge, 0)
        :: else -> accept(i)
        fi
#endif
    /* It does not: nothing is stored, the insert still runs, all is stored, some is stored, or the token is all that is left of it. */
    :: faults -> faults--; doubt(i, 1); keep(i)
    :: faults && !request[t] -> faults--; request[t] = m; doubt(i, 1); keep(i)
    :: faults && !(broken || (m & BAD)) -> faults--; insert(t, m, 1); doubt(i, 1); keep(i)
    :: faults && !WINDOW && !(broken || (m & BAD)) && count(m) > 1 -> faults--; insert(t, low(m), 1); doubt(i, 1); keep(i)
    :: faults && LOSES && !known[t] && !(broken || (m & BAD)) -> faults--; known[t] = 1; doubt(i, 1); keep(i)
    /* A view fails: of its own, or for a value. */
    :: faults && VIEW && !(broken || (m & BAD)) ->
        faults--;
        insert(t, m, 0);
        doubt(i, 1);
        lacks = lacks | bit(i); viewError[f] = viewError[f] | bit(i);
        if
        :: true -> skip
        :: true -> suspect = suspect | bit(i)
        fi;
        keep(i)
    fi;
    m = 0; t = 0
}

inline acknowledge(i) {
    assert((rec[at(i)] & ~once) == 0);          /* no acknowledgement without storage */
#ifdef TOLD
    assert(!has(found, i) || has(lacks, i) || (rec[at(i)] & ~inView) == 0);     /* what a view lacks is said */
#endif
    if
    :: has(found, i) && has(doubtful, i) && !has(elsewhere, i) -> proven = proven | (firstBefore[i] & refused)
    :: else -> skip
    fi;
    clear(i)
}

inline child(i, m) {
    draw(i, m);
    stage[i] = waiting; miss[i] = 0;
    k = 255 - bit(i);
    aged[f] = aged[f] & k;
    doubtful = doubtful & k; must = must & k; recog = recog & k; lacks = lacks & k; running = running & k; suspect = suspect & k;
    paused = paused & k; split = split & k;
    k = 0;
    elsewhere = (elsewhere & ~bit(i)) | (((low(m) & copied[f]) != 0) << (i))
}

inline replace(i) {
    m = miss[i];
    assert((rec[at(i)] & ~m & ~once) == 0);     /* no acknowledgement without storage */
    if
    :: has(split, i) ->
        j = 0;
        do
        :: rec[at(j)] -> j++
        :: else -> break
        od;
        before[j] = before[i]; firstBefore[j] = firstBefore[i];
        tried = tried | bit(j);
    #ifdef PROOF_ALONE
        refused = refused & ~bit(i); proven = proven & ~bit(i);
        unmark(i);
#endif
        refused = refused | (has(refused, i) << j);
        proven = proven | (has(proven, i) << j);
        k = 0;
        do
        :: k < S ->
            before[k] = before[k] | (has(before[k], i) << j);
            firstBefore[k] = firstBefore[k] | (has(firstBefore[k], i) << j);
            k++
        :: else -> break
        od;
        viewError[f] = (viewError[f] & ~bit(j)) | (has(viewError[f], i) << j);
        child(j, (m & ~low(m)));
        child(i, low(m));
        j = 0
    :: else -> child(i, m)
    fi;
    m = 0;
    forgetUnused()
}

inline setAside(i) {
    m = rec[at(i)];
    if
    :: has(makesRoom, i) -> skip
    :: else -> assert((m & ~BAD) == 0)          /* no good record is given up while the spool has room */
    fi;
#if ASKABLE || defined(NO_STORED_LETTERS)
    assert((m & once) == 0);                    /* what is stored becomes no dead letter */
#endif
    dead[f] = dead[f] | m;
    m = 0;
    clear(i)
}

#define on(st) (stage[0] == st || stage[1] == st || stage[2] == st)
#define answerable(i) (stage[i] == asking && (has(others, i) || !has(running, i) || !request[tok[at(i)]] || waitsForNone))
#ifdef NO_WAIT
#define waitsForNone 1
#else
#define waitsForNone 0
#endif

inline pick(st) {
    if
    :: stage[0] == st -> s = 0
    :: stage[1] == st -> s = 1
    :: stage[2] == st -> s = 2
    fi
}

#define precedes(slots, i, s) (has(slots, i) && rec[at(i)] < rec[at(s)])

inline oldest(slots) {
    s = 0;
    do
    :: has(slots, s) && !(precedes(slots, 0, s) || precedes(slots, 1, s) || precedes(slots, 2, s)) -> break
    :: else -> s++
    od
}

#ifdef COOL
#define checksHot 1
#else
#define checksHot 0
#endif

active proctype Writer() {
    byte s, j, k, m, t;
end:
    do
    /* DeliveryPlan.next */
    :: d_step { leavesForRoom && mayLeave ->
        assert(!checksHot || !hot);
        oldest(mayLeave); makesRoom = makesRoom | bit(s); begin(s); s = 0 }
    :: d_step { !leavesForRoom && sendingNow < OPEN && ready -> oldest(ready); begin(s); s = 0 }
    :: atomic { sendingNow < OPEN && !ready && pending[f] && occupied(f) != bit(S) - 1 && (!ORDERED || turns == 0 || !occupied(f)) ->
        m = low(pending[f]);
        if
        :: BATCH > 1 && (pending[f] & ~m) -> m = m | low(pending[f] & ~m)
        :: true -> skip
        fi;
        d_step {
            pending[f] = pending[f] & ~m;
            do
            :: rec[at(s)] -> s++
            :: else -> break
            od;
            draw(s, m);
            if
            :: (low(m) & (copied[f] | recovered)) -> elsewhere = elsewhere | bit(s)
            :: else -> skip
            fi;
            m = 0;
            begin(s);
            s = 0
        } }
    /* DeliveryLoop.attempt */
    :: atomic { on(looking) -> pick(looking);
        if
        :: mustAsk(s) -> ask(s, toSend, 0)
        :: !mustAsk(s) -> goOn(s)
        :: faults -> faults--; keepInDoubt(s)
        fi;
        s = 0 }
    :: atomic { answerable(0) || answerable(1) || answerable(2) ->
        if
        :: answerable(0) -> s = 0
        :: answerable(1) -> s = 1
        :: answerable(2) -> s = 2
        fi;
        if
        :: answer(s)
        :: faults -> faults--; keepInDoubt(s)
        fi;
        s = 0 }
    :: atomic { on(sending) -> pick(sending); answerSend(s); s = 0 }
    :: atomic { on(acknowledging) -> pick(acknowledging); d_step { acknowledge(s); s = 0 } }
    :: atomic { on(replacing) -> pick(replacing); d_step { replace(s); s = 0 } }
    :: atomic { on(settingAside) -> pick(settingAside); d_step { setAside(s); s = 0 } }
    /* A wait is over. */
#ifdef PROGRESS
    :: d_step { paused && sendingNow == 0 && (!ready || hot) && (!pending[f] || occupied(f) == bit(S) - 1) -> paused = 0; hot = 0 }
#else
    :: atomic { paused ->
        if
        :: has(paused, 0) -> paused = paused & ~1
        :: has(paused, 1) -> paused = paused & ~2
        :: has(paused, 2) -> paused = paused & ~4
        fi;
        hot = 0 }
#endif
    od
}
active proctype Application() {
end:
    do
    :: d_step { next < N && hasRoom ->
#ifdef OLD_TOKENS
        number[next] = written[f];
#endif
        written[f]++;
        pending[f] = pending[f] | bit(next); next++ }
    :: next == N -> break
    od
}

/* An insert that still runs ends, or never arrived. */
active proctype ClickHouse() {
    byte t;
end:
    do
#define ended(x) :: x < TOKENS && request[(x) % TOKENS] -> t = x
    :: atomic {
        if
        ended(0) ended(1) ended(2) ended(3) ended(4) ended(5) ended(6) ended(7) ended(8)
        fi;
        if
        :: !(broken || (request[t] & BAD)) -> insert(t, request[t], 1)
        :: true -> skip
        fi;
        request[t] = 0; t = 0 }
#if BROKEN
    :: broken -> broken = 0
#endif
    od
}

/* The minute of ResendPolicy is half of the window: what is sent by token is not forgotten before it arrives. */
#define forgettable(i) (has(aged[f], i) && known[tok[at(i)]] && (FORGETS == 2 || !request[tok[at(i)]]) \
    && stage[i] != sending && !(stage[i] == asking && has(others, i)))

/* What may happen, and need not. */
active proctype Fate() {
    byte k, t;
    do
    :: atomic { crashes -> crashes--; recover() }
#if BROKEN
    :: d_step { mayBreak -> mayBreak = 0; broken = 1 }
#endif
#if FORGETS
    /* A minute is over; later a token is forgotten. */
    :: atomic { aged[f] != occupied(f) ->
        if
        :: rec[at(0)] && !has(aged[f], 0) -> k = 0
        :: rec[at(1)] && !has(aged[f], 1) -> k = 1
        :: rec[at(2)] && !has(aged[f], 2) -> k = 2
        fi;
        aged[f] = aged[f] | bit(k);
        /* So it is for the same batch in the copy. */
        t = 0;
        do
        :: t < S ->
            if
            :: rec[(1 - f) * S + t] && tok[(1 - f) * S + t] == tok[at(k)] -> aged[1 - f] = aged[1 - f] | bit(t)
            :: else -> skip
            fi;
            t++
        :: else -> break
        od;
        k = 0; t = 0 }
    :: d_step { forgettable(0) -> known[tok[at(0)]] = 0 }
    :: d_step { forgettable(1) -> known[tok[at(1)]] = 0 }
    :: d_step { forgettable(2) -> known[tok[at(2)]] = 0 }
#endif
#if COPIES
    :: d_step { !isCopied ->
        isCopied = 1;
        pending[1] = pending[0]; dead[1] = dead[0]; written[1] = written[0]; aged[1] = aged[0]; viewError[1] = viewError[0];
        do
        :: k < S -> rec[S + k] = rec[k]; tok[S + k] = tok[k]; k++
        :: else -> break
        od;
        k = 0;
#if !IMAGE
        copied[1] = pending[0] | inBatches(0)
#endif
        }
    /* The other file's owner begins, when this one has ended and no insert of it runs. */
    :: d_step { isCopied && turns && !(request[0] | request[1] | request[2] | request[3] | request[4] | request[5] | request[6]) ->
        turns--;
        f = 1 - f;
        recover() }
#endif
    :: break
    od
}

#ifdef PROGRESS
/* Time goes on, also when nothing else does. */
bit tick;
active proctype Time() { do :: tick = 1 - tick od }

/* What would refute the LTL formula <> [] settled: again and again it is not settled. */
never {
again:
    do
    :: !settled -> break
    :: true
    od;
accept_again:
    goto again
}
#endif
