/** Recognition by words, for the failures that come without a code of their own. In match order: the first rule that fits wins. */
import type { Fault } from "../errors.ts";

interface WordRule {
  readonly fault: Fault;
  readonly words: RegExp;
  /** Statuses at which the words are believed; `stream` stands for an error event after a good status, `5xx` for all of them. */
  readonly at: readonly (number | "5xx" | "stream")[];
}

/** Billing comes before rate limit and overload before rate limit: z.ai, Moonshot and OpenAI use 429 for all three. */
const wordRules: readonly WordRule[] = [
  {
    fault: "billing",
    words:
      /insufficient[ _](?:account[ _])?(?:balance|credits?|funds?|quota)|credit balance is too low|not enough (?:credits?|balance|funds)|out of credits|exceeded your current quota|billing (?:hard )?limit|spend(?:ing)?[ _]limit|payment required|in arrears|usage limit for this billing cycle|余额不足|欠费|请充值/i,
    at: [400, 401, 402, 403, 429, "5xx", "stream"],
  },
  {
    fault: "quota_window",
    words:
      /usage limit for this period|usage[ _]limit (?:has been )?(?:reached|exceeded)|reached your (?:\w{1,30} )?(?:api )?usage limits?|limit will reset|(?:hourly|daily|weekly|monthly|session)(?:\/\w{1,20})? (?:usage |request |token )?(?:limit|quota) (?:has been )?(?:reached|exceeded|exhausted)|reached your (?:session|daily|weekly|monthly) |\d{1,4}[- ]hour (?:usage )?limit|使用上限|限额将在/i,
    at: [400, 403, 429, "stream"],
  },
  {
    fault: "overloaded",
    words:
      /overloaded|(?:at|over) capacity|capacity (?:exhausted|exceeded|constraints)|(?:server|engine|model|service)[\w ]{0,20} (?:busy|exhausted)|(?:high|heavy) (?:demand|load|traffic)|访问量过大|服务繁忙/i,
    at: [403, 429, "5xx", "stream"],
  },
  {
    fault: "rate_limit",
    words:
      /rate[ _-]?limit|too many requests|(?:tokens|requests) per (?:minute|second|hour|day)|throttl|concurren(?:cy|t) (?:limit|requests?)|max(?:imum)? (?:organization )?concurrency/i,
    at: [400, 403, 429, "5xx", "stream"],
  },
  {
    fault: "auth",
    words:
      /(?:invalid|incorrect|wrong|missing|expired|no) (?:x-)?(?:api|auth(?:entication)?|access)[ _-]?(?:key|token|credentials?)|(?:x-)?api[ _-]?key (?:is )?(?:not valid|invalid|expired|missing|required)|invalid x-api-key|authentication (?:failed|error|required)|oauth[\w ]{0,40} expired|(?:security )?token (?:has )?expired|unauthori[sz]ed/i,
    at: [400, 403, "5xx", "stream"],
  },
  {
    fault: "content_policy",
    words:
      /content[ _-]?(?:policy|filter|management|moderation|security)|moderat(?:ion|ed)|flagged (?:by|for|as)|sensitive (?:content|words?|information)|safety (?:system|policy|filter|reasons)|inappropriate content|data_inspection_failed|considered high risk|guardrail/i,
    at: [400, 403, 422, 451, "5xx", "stream"],
  },
  {
    fault: "context_overflow",
    words:
      /prompt is too long|context[ _](?:length|window|size)|maximum context|exceeds? (?:the |your )?(?:model'?s? )?(?:maximum )?(?:context|token) (?:limit|length|window)|input length and `?max_tokens`? exceed|too many (?:input |prompt |total )?tokens|(?:exceed\w{0,6}|over|above)[\w ]{0,30}token limit|token limit (?:exceeded|reached)|(?:input|prompt|request)(?: is)? too (?:long|large)|reduce the length of/i,
    at: [400, 413, 422, "5xx", "stream"],
  },
  {
    fault: "model_gone",
    words:
      /\bmodel\b[^.]{0,120}?(?:not found|not exist|does(?:n't| not) exist|not available|not supported|unavailable|deprecated|retired|decommissioned|no longer|is (?:unknown|invalid|offline))|(?:no such|unknown|invalid|unsupported) model|not a valid model|no endpoints found|模型不存在/i,
    at: [400, 403, 404, 410, 422, "stream"],
  },
  {
    fault: "bad_request",
    words:
      /invalid_request|invalid_argument|(?:unknown|unsupported|unrecognized|invalid) (?:request )?(?:parameter|argument|field)|validation error/i,
    at: ["5xx", "stream"],
  },
  {
    fault: "timeout",
    words: /(?:request|upstream|gateway|operation|deadline)[\w ]{0,20}(?:timed? ?out|timeout|exceeded)|timed out/i,
    at: ["5xx", "stream"],
  },
];

/** Words beyond this are prose; matching stays cheap on a body of megabytes. */
const longestSearched = 4_000;

export function faultOfWords(words: string, status: number | "stream"): Fault | undefined {
  const head = words.slice(0, longestSearched);
  const where = typeof status === "number" && status >= 500 ? "5xx" : status;
  return wordRules.find((rule) => rule.at.includes(where) && rule.words.test(head))?.fault;
}
