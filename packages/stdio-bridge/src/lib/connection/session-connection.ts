import type { Child } from '../process/child.js'
import type { Connection } from './connection.js'
import type { ServerRequests } from './server-requests.js'

/** What a session needs of what it speaks with: a connection to a child, or a translation in front of others. */
export interface SessionConnection
  extends Pick<
    Connection,
    'isShared' | 'isOver' | 'pending' | 'peers' | 'request' | 'notify' | 'cancelled' | 'fail' | 'giveUp' | 'leave'
  > {
  readonly serverRequests: Pick<ServerRequests, 'reply' | 'refuse'>
  readonly child: Pick<Child, 'pause' | 'resume' | 'queued' | 'stop' | 'yieldTurn' | 'wasTooSlow'> & {
    /** Absent where the session has no process of its own. */
    readonly pid?: number | undefined
  }
}
