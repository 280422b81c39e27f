import { Refusal } from '@mcp-gateway/core/internal'
import type { Server } from '../server/server.js'
import { readRecord } from '../store/records.js'

/** How often one page can be answered; a double click does it twice. */
const most = 4
/** How long the first answer may take to be counted, in seconds: a replica that ends meanwhile never counts it. */
const patience = 2
/** How long to wait for that before looking again, in ms, and how often: for longer than `patience`. */
const pause = 50
const looks = 80

/** A page that a person answers. */
export interface AnsweredPage {
  readonly id: string
  /** Seconds. */
  readonly expiresAt: number
}

/**
 * Counts the answers to a page, over all replicas: `admit` is asked about the first one, and those that repeat it go with it,
 * a few and no more. So nobody uses a limit up with one answer that is sent again and again, and none of them makes more
 * than a few records.
 *
 * @param admit rejects where the first answer may not be counted any more; no trace of it stays then
 * @throws {Refusal} with status 403 for a page that was answered too often
 */
export async function countAnswer(
  { storage, keys, clock }: Server,
  { id, expiresAt }: AnsweredPage,
  admit: () => Promise<void>,
): Promise<void> {
  const key = await keys('counted', id)
  const ttl = Math.max(1, expiresAt - clock())
  for (let look = 0; look < looks; look++) {
    if (await storage.add(key, '0', { ttl: Math.min(ttl, patience) })) {
      try {
        await admit()
      } catch (error) {
        await storage.delete(key)
        throw error
      }
      await storage.set(key, '1', { ttl })
      return
    }
    const counted = await readRecord<number>(storage, key)
    if (counted !== undefined && counted.value >= most) {
      throw new Refusal(
        403,
        'access_denied',
        'This page was answered too often. Go back to your application and connect again.',
      )
    }
    if (counted !== undefined && counted.value > 0) {
      const next = JSON.stringify(counted.value + 1)
      if (await storage.compareAndSet(key, counted.version, next, { ttl })) return
    } else {
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
  throw new Refusal(503, 'temporarily_unavailable', 'Your answer could not be counted; try again.', {
    headers: { 'Retry-After': '1' },
  })
}
