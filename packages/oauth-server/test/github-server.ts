import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An account at the server. */
export interface GithubAccount {
  id: number
  login: string
  name?: string | null
  emails?: { email: string; primary: boolean; verified: boolean }[]
  organizations?: Record<string, 'active' | 'pending'>
  teams?: string[]
}

/** A server with the shape and the habits of GitHub, which signs in `account` without asking. */
export interface GithubServer {
  url: string
  account: GithubAccount
  /** Requests by path, in the order they came. */
  requests: string[]
  /** The scopes of the last authorization. */
  scope: string
  /** Answers instead of the real thing, by path. */
  broken: Map<string, { status: number; body: string; headers?: Record<string, string> }>
  close: () => Promise<void>
}

export const githubClient = { clientId: 'Iv1.abcdef', clientSecret: 'github-client-secret' }

/**
 * GitHub's habits: no discovery, no ID token, no `iss`; the token endpoint answers errors with 200, and a form unless JSON is asked
 * for; scopes come back separated by commas; `/user` has no e-mail address if it is private; what is not visible is 404; requests
 * without a User-Agent are refused.
 */
export async function startGithubServer(account: GithubAccount): Promise<GithubServer> {
  const codes = new Map<string, { redirectUri: string; challenge: string }>()
  const tokens = new Set<string>()
  const github: GithubServer = { url: '', account, requests: [], scope: '', broken: new Map(), close: async () => {} }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', github.url)
    github.requests.push(url.pathname)
    const send = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    const broken = github.broken.get(url.pathname)
    if (broken) return send(broken.status, broken.body, broken.headers)

    if (url.pathname === '/login/oauth/authorize') {
      const query = url.searchParams
      if (query.get('client_id') !== githubClient.clientId) return send(404, 'Not Found')
      const code = randomBytes(10).toString('hex')
      codes.set(code, { redirectUri: query.get('redirect_uri') ?? '', challenge: query.get('code_challenge') ?? '' })
      github.scope = query.get('scope') ?? ''
      const location = new URL(query.get('redirect_uri') ?? '')
      location.searchParams.set('code', code)
      location.searchParams.set('state', query.get('state') ?? '')
      response.writeHead(302, { Location: location.href }).end()
      return
    }

    if (url.pathname === '/login/oauth/access_token') {
      let text = ''
      for await (const chunk of request) text += chunk
      const form = new URLSearchParams(text)
      const answer = (body: Record<string, string>): void => {
        const json = request.headers.accept?.includes('json')
        const type = json ? 'application/json; charset=utf-8' : 'application/x-www-form-urlencoded'
        send(200, json ? body : new URLSearchParams(body).toString(), { 'Content-Type': type })
      }
      if (form.get('client_secret') !== githubClient.clientSecret)
        return answer({ error: 'incorrect_client_credentials' })
      const code = codes.get(form.get('code') ?? '')
      codes.delete(form.get('code') ?? '')
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      if (!code || code.challenge !== challenge || !form.get('redirect_uri')?.startsWith(code.redirectUri)) {
        return answer({ error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' })
      }
      const token = `gho_${randomBytes(18).toString('hex')}`
      tokens.add(token)
      return answer({ access_token: token, scope: github.scope.replaceAll(' ', ','), token_type: 'bearer' })
    }

    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    if (!request.headers['user-agent']) return send(403, { message: 'Request forbidden by administrative rules.' })
    if (!tokens.has(token)) return send(401, { message: 'Bad credentials' })
    const { id, login, name = null, emails = [], organizations = {}, teams = [] } = github.account
    const oauthScopes = { 'X-OAuth-Scopes': github.scope.replaceAll(' ', ', ') }
    const path = url.pathname.replace('/api/v3', '')
    if (path === '/user') return send(200, { id, login, name, email: null, type: 'User' }, oauthScopes)
    if (path === '/user/emails') return send(200, emails, oauthScopes)
    const organization = /^\/user\/memberships\/orgs\/(.+)$/.exec(path)?.[1]?.toLowerCase()
    const state = organization && organizations[organization]
    if (state) return send(200, { state, role: 'member' }, oauthScopes)
    const [, owner, team, member] = /^\/orgs\/(.+)\/teams\/(.+)\/memberships\/(.+)$/.exec(path) ?? []
    if (teams.includes(`${owner}/${team}`) && member === login) return send(200, { state: 'active', role: 'member' })
    return send(404, { message: 'Not Found' })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  github.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  github.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return github
}
