import type { Context } from '@mcp-gateway/core'
import { clientNetworks, isRefusal, Refusal } from '@mcp-gateway/core/internal'
import type { LoginField } from '../server/identity-provider.js'
import type { Server } from '../server/server.js'

/** How often one login form may be answered. */
const mostPerForm = 10
/** How long attempts for one account are counted together, in seconds. */
const window = 3600
/** How many times the limit of one network an account has over all networks: 100 by default (NIST SP 800-63B section 3.2.2). */
const share = 5
/** How many times that limit the widest network has, such as the /48 whose holder has 65,536 links of IPv6. */
const shareOfSite = 2

/** An answer to a login form. */
export interface Guess {
  /** Of the login. */
  readonly handle: string
  readonly form: readonly LoginField[]
  readonly answer: URLSearchParams
}

/**
 * Counts an answer to a login form before the provider is asked about it, over all replicas: by the form, by the network
 * that it comes from, and by the account (CWE-307). Of an account that is guessed at from elsewhere, each network has a
 * part of its own, and so has each site with all its networks, so that few strangers lock nobody out.
 *
 * @returns to be called when the answer was right: it sets back what this network tried for this account
 * @throws {Refusal} with status 429
 */
export async function countGuess(server: Server, context: Context, guess: Guess): Promise<() => Promise<void>> {
  const { storage, keys, clock, limits, settings, identityProvider } = server
  const refused = (limit: 'form' | 'address' | 'account'): void =>
    server.tell(
      {
        type: 'login_failed',
        provider: identityProvider.name,
        reason: `Too many attempts to sign in (limit by ${limit})`,
      },
      context,
    )

  const ofForm = await storage.increment(await keys('limit', `sign-ins by the form ${guess.handle}`), {
    ttl: settings.lifetimes.login,
  })
  if (ofForm > mostPerForm) {
    refused('form')
    throw new Refusal(
      429,
      'temporarily_unavailable',
      'This form was answered too often. Go back to your application and connect again.',
    )
  }
  try {
    await limits.signIns(context)
  } catch (error) {
    if (isRefusal(error)) refused('address')
    throw error
  }
  const account = accountOf(guess)
  if (account === undefined) return async () => {}
  const turn = Math.floor(clock() / window)
  const networks = context.client?.address === undefined ? [] : clientNetworks(context.client.address)
  const name = `sign-ins of ${turn} as ${account}`
  const { perAccount } = settings.loginLimits
  const keyFrom = (network: string) => keys('limit', `${name} from ${network}`)
  const exceeds = async (key: string, most: number): Promise<boolean> =>
    (await storage.increment(key, { ttl: window })) > most
  const ofNetwork = await keyFrom(networks[0]?.name ?? 'anywhere')
  const site = networks.length > 1 ? networks.at(-1) : undefined
  const ofSite = site && (await keyFrom(site.name))
  // What a network is refused is not counted for the account, or it could use up the part of all others.
  if (
    (await exceeds(ofNetwork, perAccount)) ||
    (ofSite !== undefined && (await exceeds(ofSite, perAccount * shareOfSite))) ||
    (await exceeds(await keys('limit', name), perAccount * share))
  ) {
    refused('account')
    const retryAfter = Math.max(1, (turn + 1) * window - clock())
    throw new Refusal(
      429,
      'temporarily_unavailable',
      'There were too many attempts to sign in to this account. Wait an hour, then connect again from your application.',
      { headers: { 'Retry-After': String(retryAfter) } },
    )
  }
  return async () => {
    await storage.delete(ofNetwork)
    if (ofSite !== undefined) await storage.delete(ofSite)
  }
}

/**
 * The account that a form is answered for, as one text for all that a directory may take for the same name: the field
 * that browsers fill with a user name, or else the first one that is no password. A form that asks for nothing else has
 * nothing to guess for one account.
 */
function accountOf({ form, answer }: Guess): string | undefined {
  if (form.length < 2) return undefined
  const field =
    form.find(({ autocomplete }) => /(?:^|\s)(?:username|email)(?:\s|$)/i.test(autocomplete ?? '')) ??
    form.find(({ type }) => type !== 'password')
  if (field === undefined) return undefined
  const value = answer.get(field.name) ?? ''
  // Case, width, accents and blanks: what collations of databases leave out of account. `ß` is two letters in upper case
  return value
    .normalize('NFKD')
    .toUpperCase()
    .toLowerCase()
    .replaceAll(/[\s\p{M}\p{C}]/gu, '')
}
