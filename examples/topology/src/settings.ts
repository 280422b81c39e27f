// What the processes are told by their environment.

const variables = process.env

/** Where clients find the servers, and what the issuer is called: the reverse proxy. */
export const url: string = required('PUBLIC_URL')
export const redisUrl: string = required('REDIS_URL')
/** The port on 127.0.0.1 where the reverse proxy finds this process. */
export const port: number = Number(required('PORT'))

/** Of the auth service: how its proxy tells what it was asked. `original` for nginx, `forwarded` for Caddy. */
export const dialect: 'original' | 'forwarded' = variables.DIALECT === 'original' ? 'original' : 'forwarded'
/** Of the auth service: what encrypts the private keys in Redis. None on a loopback URL. */
export const encryptionKeys: readonly string[] = list('ENCRYPTION_KEYS')
/** Of the auth service: who signs people in. Without it anybody gets in under any name, on a loopback URL alone. */
export const githubApp =
  variables.GITHUB_CLIENT_ID === undefined
    ? undefined
    : {
        clientId: variables.GITHUB_CLIENT_ID,
        clientSecret: required('GITHUB_CLIENT_SECRET'),
        allow: { users: list('GITHUB_USERS') },
      }

/** Of a service: the path that the proxy routes to it. */
export const path: string = variables.MCP_PATH ?? '/notes/mcp'
/** Of a service: where the auth service has its keys, past the proxy. */
export const authUrl: string = variables.AUTH_URL ?? 'http://127.0.0.1:9100'

function required(name: string): string {
  const value = variables[name]
  if (value !== undefined && value !== '') return value
  console.error(`${name} is not set.`)
  process.exit(1)
}

function list(name: string): string[] {
  return (variables[name] ?? '').split(',').filter((item) => item !== '')
}
