using System;
using System.Collections.Generic;
using System.IO;

/// <summary>A journal in one file: the length, a checksum and the bytes of each record.</summary>
public sealed class Adapter : Kit.IJournal
{
    readonly FileStream file;
    long end;

    public static void Main()
    {
        Kit.Serve("one file", "1", directory => new Adapter(directory));
    }

    Adapter(string directory)
    {
        file = new FileStream(Path.Combine(directory, "log"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        foreach (KeyValuePair<long, byte[]> record in Scan()) end = record.Key + 8 + record.Value.Length;
        file.SetLength(end);
        file.Flush(true);
        Kit.SyncDirectory(directory);
    }

    public long Append(byte[] payload, bool durable)
    {
        var frame = new MemoryStream();
        var writer = new BinaryWriter(frame);
        writer.Write(payload.Length);
        writer.Write(Checksum(payload));
        writer.Write(payload);
        file.Position = end;
        file.Write(frame.GetBuffer(), 0, (int)frame.Length);
        file.Flush(durable);
        long offset = end;
        end += frame.Length;
        return offset;
    }

    public IEnumerable<KeyValuePair<long, byte[]>> Scan()
    {
        var reader = new BinaryReader(file);
        for (long at = 0; at + 8 <= file.Length;)
        {
            file.Position = at;
            int size = reader.ReadInt32();
            uint sum = reader.ReadUInt32();
            if (size < 0 || at + 8 + size > file.Length) yield break;
            byte[] payload = reader.ReadBytes(size);
            if (payload.Length != size || sum != Checksum(payload)) yield break;
            yield return new KeyValuePair<long, byte[]>(at, payload);
            at += 8 + size;
        }
    }

    public void Close()
    {
        try
        {
            file.Flush(true);
        }
        finally
        {
            file.Close();
        }
    }

    /// <summary>FNV-1a over the length too, so that no run of zeros is a record.</summary>
    static uint Checksum(byte[] payload)
    {
        unchecked
        {
            uint sum = (2166136261 ^ (uint)payload.Length) * 16777619;
            foreach (byte each in payload) sum = (sum ^ each) * 16777619;
            return sum;
        }
    }
}
