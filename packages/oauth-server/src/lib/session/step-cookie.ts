import { oldestCookies, randomToken, readCookie, sha256, toBase64Url } from '@mcp-gateway/core/internal'
import { base64url } from 'jose'
import type { Server } from '../server/server.js'

/** How long an answered step can be answered again, in seconds: a double click sends two, and the browser follows the second. */
export const doubleClick = 5
/**
 * How many steps one browser has under way: each is a cookie of some 75 bytes.
 */
const most = 20
/** Bytes of a time in seconds: they wrap after half a year. */
const stampBytes = 3
const wrap = 256 ** stampBytes

/** A cookie that binds a page or a redirect to the browser that got it: one each, so that tabs do not disturb each other. */
export interface StepCookie {
  /** What the cookie holds. */
  readonly secret: string
  /** The line that sets it. */
  readonly cookie: string
}

/** Makes the id of a step. It says when that was, so that the oldest step of a browser is known. */
export function newStepId({ clock }: Server, bytes: number): string {
  const now = clock()
  return toBase64Url(Uint8Array.of(now >> 16, now >> 8, now)) + randomToken(bytes)
}

/** Makes the cookie of a step, named after the step's id. */
export async function newStepCookie(server: Server, id: string): Promise<StepCookie> {
  const secret = randomToken()
  return { secret, cookie: server.cookies.write(await suffix(server, id), secret, server.settings.lifetimes.login) }
}

/** Reads what the cookie of a step holds. */
export async function readStepCookie(server: Server, request: Request, id: string): Promise<string | undefined> {
  return readCookie(request, server.cookies.name(await suffix(server, id))) || undefined
}

/** Lets the cookie of an answered step end: the second of two clicks may follow the first one's answer. */
export async function endStepCookie(server: Server, request: Request, id: string): Promise<string> {
  return server.cookies.write(await suffix(server, id), (await readStepCookie(server, request, id)) ?? '', doubleClick)
}

/**
 * The lines that take the oldest steps of a browser away, before a new one begins.
 *
 * @param answered the step that is answered now, which stays
 */
export async function removeOldSteps(server: Server, request: Request, answered?: string): Promise<string[]> {
  const { cookies, settings, clock } = server
  const own = cookies.name(await issuerTag(settings.issuer))
  const kept = answered === undefined ? undefined : cookies.name(await suffix(server, answered))
  const isStep = (name: string): boolean => name.startsWith(own) && name.length === own.length + 10 && name !== kept
  const names = oldestCookies(request, {
    most,
    ageOf: (name) => (isStep(name) ? ageOf(name.slice(own.length, own.length + 4), clock()) : undefined),
  })
  return names.map((name) => cookies.remove(name.slice(cookies.name().length + 1)))
}

function ageOf(stamp: string, now: number): number {
  try {
    const [high = 0, middle = 0, low = 0] = base64url.decode(stamp)
    return (now - high * 65_536 - middle * 256 - low) % wrap
  } catch {
    return wrap
  }
}

/** Two characters for the issuer, four for the time, six for the step. Two issuers on one host take no steps from each other. */
async function suffix({ settings }: Server, id: string): Promise<string> {
  const stamp = /^[\w-]{4}/.exec(id)?.[0] ?? 'AAAA'
  return `${await issuerTag(settings.issuer)}${stamp}${(await sha256(id)).slice(0, 6)}`
}

async function issuerTag(issuer: string): Promise<string> {
  return (await sha256(issuer)).slice(0, 2)
}
