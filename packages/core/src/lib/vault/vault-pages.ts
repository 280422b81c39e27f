import type { Context, Handler } from '../contract/handler.js'
import { hostCheck } from '../http/host-check.js'
import { OAuthClientError } from '../oauth-client/oauth-client-error.js'
import { foreign, type Html, html } from '../pages/html.js'
import { isOwnForm } from '../pages/own-form.js'
import type { PageLook } from '../pages/page-look.js'
import { randomToken } from '../text/random-token.js'
import { sha256Hex } from '../text/sha256.js'
import type { Browsers, Session } from './browser.js'
import type { Grants } from './grants.js'
import { issued } from './issued.js'
import { page, redirect } from './page.js'
import { createSignIn } from './sign-in.js'
import type { VaultOptions } from './vault-options.js'
import type { VaultAccess } from './vault-token.js'

/** What the pages work with. */
export interface VaultParts {
  readonly options: VaultOptions
  readonly accesses: ReadonlyMap<string, VaultAccess>
  readonly grants: Grants
  readonly browsers: Browsers
  readonly now: () => number
}

/** The pages on which users connect and disconnect accounts. */
export function vaultPages({ options, accesses, grants, browsers, now }: VaultParts): {
  handle: Handler
  match(request: Request): boolean
} {
  const { url } = options
  const { pathname: prefix, origin } = new URL(url)
  const isServed = hostCheck([url], options.allowedHosts)
  const signIn = createSignIn(options.signIn)
  const signInUri = `${url}/sign-in/callback`
  const look = options.pages ?? {}

  async function leaveToSignIn(request: Request, back: string | undefined): Promise<Response> {
    const state = randomToken()
    const { url: location, memo } = await signIn.begin({ redirectUri: signInUri, state })
    return redirect(location, ...(await browsers.beginSignIn(request, state, { memo, back })))
  }

  async function completeSignIn(
    request: Request,
    parameters: URLSearchParams,
    { refused }: Answers,
  ): Promise<Response> {
    const state = parameters.get('state') ?? ''
    const step = await browsers.signIn(request, state)
    if (step === undefined) return refused(400, notHere)
    const session = await signIn.complete({ redirectUri: signInUri, state, memo: step.memo, parameters })
    const cookie = browsers.cookieOf(request)
    if (cookie !== undefined) await browsers.endSession(cookie)
    const next = await browsers.beginSession(session)
    const location = step.back === undefined ? url : `${url}/${step.back}`
    return redirect(location, browsers.write(next), ...(await browsers.endSignIn(request, state)))
  }

  async function completeConnect(
    access: VaultAccess,
    parameters: URLSearchParams,
    visitor: Visitor,
    { refused }: Answers,
  ): Promise<Response> {
    const { upstream, client, connect } = access
    const state = parameters.get('state') ?? ''
    const flow = state === '' ? undefined : await browsers.takeFlow(state)
    const isOurs = visitor.cookie !== undefined && flow?.browser === (await sha256Hex(visitor.cookie))
    if (flow?.upstream !== upstream || !isOurs) return refused(400, notHere)
    if (visitor.session === undefined || visitor.session.principal !== flow.principal) {
      return refused(403, 'Somebody else is signed in now. Please start again.')
    }
    const redirectUri = `${connect.url}/callback`
    const tokens = await client.complete({ redirectUri, state, memo: flow.memo, parameters })
    const { issuer = '', clientId = '' } = options.upstreams[upstream] ?? {}
    await grants.save({
      key: await grants.key(flow.principal, upstream),
      principal: flow.principal,
      upstream,
      issuer,
      clientId,
      connectedAt: now(),
      ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
      ...issued(tokens, now()),
    })
    return redirect(connect.url)
  }

  async function change(
    request: Request,
    access: VaultAccess,
    { cookie, session }: Visitor,
    { refused }: Answers,
  ): Promise<Response> {
    if (!isOwnForm(request, origin)) return refused(403, 'This form was sent from another page. Please start again.')
    const { upstream, client, connect } = access
    if (session === undefined || cookie === undefined) return redirect(connect.url)
    if (new URL(request.url).searchParams.has('disconnect')) {
      await grants.delete(await grants.key(session.principal, upstream))
      return redirect(connect.url)
    }
    const { principal } = session
    if (!(await browsers.admitsFlow(principal))) {
      return refused(429, 'You began to connect accounts too often. Please wait some minutes, then start again.')
    }
    const state = randomToken()
    const step = { redirectUri: `${connect.url}/callback`, parameters: options.upstreams[upstream]?.parameters }
    const { url: location, memo } = await client.begin({ ...step, state })
    await browsers.beginFlow(state, { upstream, principal, memo, browser: await sha256Hex(cookie) })
    return redirect(location)
  }

  const who = (session: Session): Html => html`<p>You are signed in as <strong>${foreign(session.name)}</strong>.</p>`
  const back = html`<p class="other"><a href="${url}">All your accounts</a></p>`

  async function show({ connect, upstream }: VaultAccess, session: Session): Promise<Response> {
    const stored = await grants.read(await grants.key(session.principal, upstream))
    if (stored !== undefined) {
      return page(
        look,
        `Your account at ${connect.title} is connected`,
        html`${who(session)}
<p>You can close this page and go on where you came from, or take the connection back here, now or later.</p>
<form method="post" action="${connect.url}?disconnect"><div class="actions"><button>Disconnect</button></div></form>
${back}`,
      )
    }
    return page(
      look,
      `Connect your account at ${connect.title}`,
      html`${who(session)}
<p class="warning">Only go on if you came here yourself: the account at ${connect.title} that you choose next will be used for what you do here.</p>
<form method="post" action="${connect.url}"><div class="actions"><button class="primary">Connect</button></div></form>
${back}`,
      { foot: html`<p>You can take this back at any time, on this page.</p>` },
    )
  }

  async function list(session: Session): Promise<Response> {
    const connected = new Set((await grants.list(session.principal)).map(({ upstream }) => upstream))
    const items = [...accesses.values()].map(
      ({ upstream, connect }) =>
        html`<li><a href="${connect.url}">${connect.title}</a>${connected.has(upstream) ? ' (connected)' : ''}</li>\n`,
    )
    return page(look, 'Your accounts', html`${who(session)}\n<ul>\n${items}</ul>`)
  }

  async function answer(request: Request, answers: Answers): Promise<Response> {
    const { notFound, notAllowed } = answers
    const { pathname, searchParams } = new URL(request.url)
    const [name = '', step, ...more] = pathname.slice(prefix.length).split('/').slice(1)
    const cookie = browsers.cookieOf(request)
    const isGet = request.method === 'GET' || request.method === 'HEAD'
    if (more.length > 0 || (step !== undefined && step !== 'callback')) return notFound()
    if (name === 'sign-in') {
      if (step === undefined) return notFound()
      return request.method === 'GET' ? completeSignIn(request, searchParams, answers) : notAllowed('GET')
    }
    const access = accesses.get(name)
    if (access === undefined && name !== '') return notFound()
    const session = await browsers.session(cookie)
    if (access !== undefined && step === 'callback') {
      return request.method === 'GET'
        ? completeConnect(access, searchParams, { cookie, session }, answers)
        : notAllowed('GET')
    }
    if (access !== undefined && request.method === 'POST') return change(request, access, { cookie, session }, answers)
    if (!isGet) return notAllowed(access === undefined ? 'GET, HEAD' : 'GET, HEAD, POST')
    if (session === undefined) return leaveToSignIn(request, access?.upstream)
    return access === undefined ? list(session) : show(access, session)
  }

  return {
    match: (request) => {
      const { pathname } = new URL(request.url)
      return pathname === prefix || pathname.startsWith(`${prefix}/`)
    },
    handle: async (request, context) => {
      // A foreign page can give its own name the address of this machine (DNS rebinding)
      const answers = answersOf({ look, url, requestId: context.requestId })
      if (!isServed(request)) return answers.refused(403, 'This server is not known by the name in the address bar.')
      try {
        return await answer(request, answers)
      } catch (error) {
        if (error instanceof OAuthClientError) return failed(error, context, answers)
        throw error
      }
    },
  }
}

const notHere = 'This step was begun in another browser, was used before, or is too old. Please start again.'

interface Visitor {
  readonly cookie: string | undefined
  readonly session: Session | undefined
}

/** The pages that tell why something did not work, each with a way back. */
interface Answers {
  refused(status: number, why: string): Promise<Response>
  notFound(): Promise<Response>
  notAllowed(allow: string): Promise<Response>
}

function answersOf({ look, url, requestId }: { look: PageLook; url: string; requestId: string | undefined }): Answers {
  const told = (status: number, title: string, why: string) =>
    page(look, title, html`<p>${why}</p>\n<p class="other"><a href="${url}">All your accounts</a></p>`, {
      status,
      ...(requestId !== undefined && { requestId }),
    })
  return {
    refused: (status, why) => told(status, 'This did not work', why),
    notFound: () => told(404, 'Not found', 'There is no such page.'),
    async notAllowed(allow) {
      const response = await told(405, 'Not allowed', 'This page cannot be used in that way.')
      response.headers.set('Allow', allow)
      return response
    },
  }
}

/** What the other server did not give, without repeating its words, which anybody may have written. */
function failed(error: OAuthClientError, context: Context, { refused }: Answers): Promise<Response> {
  if (error.error === 'access_denied') return refused(403, 'You chose not to go on, so nothing was connected.')
  context.logger?.error({ err: error }, 'a vault page could not finish')
  if (error.error === 'temporarily_unavailable')
    return refused(503, 'The other server does not answer. Try again later.')
  return refused(502, 'The other server did not let you in. Please start again.')
}
