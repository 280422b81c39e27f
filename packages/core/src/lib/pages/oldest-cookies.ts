/** What is left of the cookies of steps. */
export interface OldestCookiesOptions {
  /** How long ago the step of this cookie began, in seconds; `undefined` for a cookie of anything else. */
  readonly ageOf: (name: string) => number | undefined
  /** How many steps one browser has under way, the one that begins now included. */
  readonly most: number
}

/** How many cookies one answer takes away: proxies limit the headers of an answer too. */
const mostRemoved = 10

/**
 * The names of the cookies to take away before a new step begins, the oldest ones. Cookies are one host's, and many proxies refuse
 * a request with more than 8 KB of them: the whole site is gone for a browser that has opened some pages.
 */
export function oldestCookies(request: Request, { ageOf, most }: OldestCookiesOptions): string[] {
  const steps: { name: string; age: number }[] = []
  for (const part of (request.headers.get('cookie') ?? '').split(';')) {
    const [name = '', value = ''] = part.trim().split('=', 2)
    const age = value === '' ? undefined : ageOf(name)
    if (age !== undefined) steps.push({ name, age })
  }
  const surplus = steps.length - most + 1
  if (surplus <= 0) return []
  return steps
    .sort((a, b) => b.age - a.age)
    .slice(0, Math.min(surplus, mostRemoved))
    .map(({ name }) => name)
}
