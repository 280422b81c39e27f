import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SettingsError } from './settings.js'

/** Listens on 127.0.0.1 and resolves to the port, which differs from the one asked for where that is 0. */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new SettingsError(whyNot(error, port))))
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function whyNot({ code, message }: NodeJS.ErrnoException, port: number): string {
  if (code === 'EADDRINUSE') return `PORT=${port} is in use. Stop what listens there, or choose another port.`
  if (code === 'EACCES') return `PORT=${port} needs more rights than this process has. Choose one above 1023.`
  return `PORT=${port} cannot be listened on (${message}).`
}
