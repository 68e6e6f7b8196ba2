"""What the QRS detector remembers, and the numbers that it goes by."""

ctypedef long long i64

cdef extern from *:
    """
    /* Powers of two, so that a ring index is a mask and no saved state can leave the rings. */
    #define VO_RAW 512      /* raw samples kept: 0.5 s at 1000 Hz; a beat is placed within 0.25 s */
    #define VO_TICKS 64     /* slow samples kept: 0.32 s at 200 Hz; the window sum needs 0.12 s */
    #define VO_CANDS 64     /* candidates kept: 3 s of learning at 20 a second, noise and all */
    #define VO_RECENT 8     /* beats whose median is "normal"; Pan and Tompkins 1985 average eight */

    #define VO_LIMIT 1e12       /* beyond this a value is no measurement, in any unit */
    #define VO_BRIDGE_S 0.04    /* shorter holes are held; longer ones can hide a QRS: a gap */
    #define VO_WARM_S 0.1       /* the band-pass is settling: no energy is counted */
    #define VO_LEARN_S 3.0      /* two beats even at 40 a minute */
    #define VO_LEARN_MIN_S 1.0  /* a segment that ends sooner teaches nothing */
    #define VO_REFRACTORY_S 0.2 /* no ventricle contracts again sooner */
    #define VO_T_WAVE_S 0.36    /* until then a flat wave is a T wave (Pan and Tompkins 1985) */
    #define VO_T_SLOPE 0.5      /* flat: less than half of the last QRS's slope (same source) */
    #define VO_HOLD_S 0.03      /* a maximum stands when nothing exceeds it for this long */
    #define VO_LEAN 0.3         /* share of the valley before it that is taken off a peak */

    #define VO_LEVEL 0.35       /* threshold, as a share of the way from noise to signal level */
    #define VO_BACK 0.2         /* the same when searching back for a missing beat */
    #define VO_NOISE_CAP 0.5    /* the noise level counts up to this share of the signal level */
    #define VO_NOISE_FACTOR 2.5 /* a QRS stands out: the running noise peak times this, at least */
    #define VO_NOISE_RATE 0.1   /* each rejected peak moves the noise level by a tenth */
    #define VO_EARLY 0.5        /* threshold's rise at no distance from the last beat ... */
    #define VO_EARLY_RR 0.7     /* ... falling to nothing at this share of the usual interval */
    #define VO_STRONG 0.85      /* reported at once; a weaker one may be the P of a QRS to come */
    #define VO_PR_S 0.25        /* a P wave comes no sooner before its QRS */
    #define VO_WAIT_S 0.235     /* how long a weaker one waits: with a tick and a frame, 0.25 s */
    #define VO_MAX_WAIT_S 0.45  /* and when a larger wave is rising at that moment */
    #define VO_RISING 0.5       /* "rising": more than this share of the waiting one */
    #define VO_LARGER 1.3       /* larger by this factor: the waiting one was not the QRS */
    #define VO_BACK_RR 1.5      /* search back when this many usual intervals are empty */
    #define VO_BACK_MARGIN_S 0.1  /* plus the delay of the peak's decision */
    #define VO_BACK_MIN_S 0.25  /* not among what follows the last beat closely */
    #define VO_BACK_EVERY_S 0.05  /* how often an empty stretch is looked at again */
    #define VO_QUIET_S 10.0     /* nothing for so long: the amplitude may have fallen */
    #define VO_FADE 0.7         /* then the signal level fades by this factor each second */
    #define VO_RR_MAX_S 2.5     /* a longer interval is a pause or a miss, never the usual one */
    #define VO_RR_MIN_S 0.25
    #define VO_BACK_RR_MIN_S 0.4  /* usual intervals below this are no reason to hurry */
    #define VO_FAINT 0.1        /* peaks below this share of the signal level are never placed */

    #define VO_PLACE_S 0.06     /* R lies within this of the energy's centre: half a wide QRS */
    #define VO_BASE_S 0.15      /* the baseline is the mean over this to either side */
    #define VO_SHARP_S 0.03     /* sharpness is measured against the samples this far off */
    #define VO_UPWARD 1.2       /* of two equal deflections the upward one is called R */
    #define VO_SMOOTH_S 0.007   /* and there 1-2-1 weights this far off calm noise and flat tops */
    #define VO_REFINE_S 0.012   /* the extremum is sought this close to the sharpest point */
    """
    enum:
        VO_RAW
        VO_TICKS
        VO_CANDS
        VO_RECENT
    const double VO_LIMIT, VO_BRIDGE_S, VO_WARM_S, VO_LEARN_S, VO_LEARN_MIN_S, VO_REFRACTORY_S
    const double VO_T_WAVE_S
    const double VO_T_SLOPE, VO_HOLD_S, VO_LEAN, VO_LEVEL, VO_BACK, VO_NOISE_CAP, VO_NOISE_FACTOR
    const double VO_NOISE_RATE, VO_EARLY, VO_EARLY_RR, VO_STRONG, VO_PR_S, VO_WAIT_S, VO_MAX_WAIT_S
    const double VO_RISING, VO_LARGER, VO_BACK_RR, VO_BACK_MARGIN_S, VO_BACK_MIN_S
    const double VO_BACK_EVERY_S, VO_QUIET_S, VO_FADE, VO_FAINT, VO_PLACE_S, VO_BASE_S
    const double VO_RR_MAX_S, VO_RR_MIN_S, VO_BACK_RR_MIN_S, VO_SHARP_S, VO_UPWARD, VO_REFINE_S, VO_SMOOTH_S

cdef packed struct Event:
    i64 index
    double time_s
    float amplitude
    float quality
    unsigned char late
    unsigned char after_gap

# A local maximum of the energy: a beat, a T wave or noise.
cdef struct Candidate:
    i64 r                   # index of its R peak on the raw signal, or of its centre
    double height           # energy at the maximum, less a share of the valley before it
    double slope            # steepest step of the band-passed signal within
    float amplitude
    unsigned char placed
    unsigned char used

# Fixed at construction.
cdef struct Setup:
    double fs
    double coef[10]         # two sections: b0 b1 b2 a1 a2
    double scale            # of the decimator
    double delay            # raw samples from R to the energy's maximum
    i64 step                # raw samples a tick
    i64 window              # ticks of the window sum
    i64 hold                # ticks until a maximum stands
    i64 second              # ticks a second
    i64 bridge              # raw samples that are held over a hole

# What get_state() saves. Eight-byte fields only, then the rings.
cdef struct Memory:
    i64 n                   # raw samples since the start
    i64 open                # a segment is open
    i64 tick                # ticks since the segment's start
    i64 start               # raw index of the segment's start
    i64 phase               # raw samples towards the next tick
    i64 missing             # length of the present run of missing samples
    i64 gaps                # gaps so far
    i64 after_gap           # the next beat is the first of its segment
    i64 rising              # a maximum is being followed
    i64 peak_tick
    i64 warm                # ticks until the band-pass has settled
    i64 learning
    i64 learn_end           # raw index
    i64 have_last
    i64 last                # raw index of the last beat
    i64 back_due            # raw index at which to search back
    i64 pending             # candidate that waits, or -1
    i64 pending_late
    i64 candidates          # candidates so far, modulo a multiple of the ring's size
    i64 beats               # beats in ``heights``, counted on
    i64 intervals           # intervals in ``rr``, counted on
    double origin           # first sample of the segment: taken off every sample
    double previous         # the last good sample, for holding
    double sum1             # decimator: sum, sum of sums, rising flank
    double sum2
    double flank
    double z[4]             # band-pass
    double band             # last band-passed sample
    double energy           # window sum of steps
    double peak
    double peak_valley
    double valley
    double signal           # signal level
    double noise            # noise level
    double usual_rr_s
    double last_slope
    double steps[VO_TICKS]
    double heights[VO_RECENT]
    double rr[VO_RECENT]
    Candidate ring[VO_CANDS]
    float raw[VO_RAW]

cdef struct Sink:
    Event *events
    i64 n
    i64 room
