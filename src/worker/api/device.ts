// The device, between page and worker.

/** The WebGPU device as the page shows it. */
export interface DeviceSummary {
  readonly name: string;
  readonly isSoftware: boolean;
  readonly hasF16: boolean;
  readonly hasSubgroups: boolean;
  readonly maxBufferBytes: number;
  /** What the person says that there is for a run; browsers do not tell. */
  readonly memoryBytes?: number;
  /** Bytes held on the device now. */
  readonly liveBytes: number;
}

export interface DeviceApi {
  /** Opens the device. Rejects with one sentence, reason and remedy, when this browser cannot run Gradus. */
  openDevice(): Promise<DeviceSummary>;
  device(): Promise<DeviceSummary>;
  /** What runs may take of the device from now on; undefined where nobody knows. */
  setGpuMemory(bytes: number | undefined): Promise<void>;
}
