// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISplitter} from "../interfaces/ISplitter.sol";
import {ShareTable} from "../libraries/ShareTable.sol";
import {Book, SlotLib} from "../libraries/SlotLib.sol";
import {Ledger} from "./Ledger.sol";

/// @title Splitter: the accounting and the paying that all splitters share.
abstract contract Splitter is Ledger, ISplitter {
    using ShareTable for bytes;
    using SlotLib for Book;

    /// What a splitter can count of one token.
    uint256 private constant LIMIT = type(uint120).max;

    mapping(address token => Book) private _books;
    /// The total that a round in chunks divides.
    mapping(address token => uint256) private _goals;

    address private immutable _implementation = address(this);

    /// @notice Native coin may arrive at any time, from anybody. The implementation of the clones takes none.
    receive() external payable {
        if (address(this) == _implementation) revert NotASplitter();
    }

    /* PAYING */

    /// @inheritdoc ISplitter
    function distribute(address token) external returns (uint256 amount) {
        return _distribute(token, type(uint256).max);
    }

    /// @inheritdoc ISplitter
    function distributeChunk(address token, uint256 count) external returns (uint256 amount) {
        if (count == 0) revert EmptyChunk();
        return _distribute(token, count);
    }

    /* VIEWS */

    /// @inheritdoc ISplitter
    function payees() external view returns (address[] memory accounts, uint256[] memory shares) {
        (bytes memory table,) = _table();
        uint256 size = table.size();
        (accounts, shares) = (new address[](size), new uint256[](size));
        for (uint256 i = 0; i < size; ++i) {
            (accounts[i], shares[i]) = (table.payeeAt(i), table.shareAt(i));
        }
    }

    /// @inheritdoc ISplitter
    function pending(address token, address payee) external view nonReentrantView returns (uint256 amount) {
        (bytes memory table,) = _table();
        (uint256 size, uint256 shareSum) = (table.size(), table.sum());
        Book memory book = _books[token];
        // In a round of chunks, those ahead of the next one have had their parts of its total already.
        uint256 goal = book.next == 0 ? book.received : _goals[token];
        uint256 divided = table.partsOf(0, book.next, goal, shareSum)
            + table.partsOf(book.next, size, book.received, shareSum);
        uint256 total = _arrived(token, divided, book.parked, goal);
        amount = _owedTo(token, payee);
        for (uint256 i = 0; i < size; ++i) {
            if (table.payeeAt(i) != payee) continue;
            uint256 share = table.shareAt(i);
            uint256 had = i < book.next ? goal : book.received;
            amount += ShareTable.part(total, share, shareSum) - ShareTable.part(had, share, shareSum);
        }
    }

    /// @inheritdoc ISplitter
    function received(address token) external view returns (uint256 amount) {
        return _books[token].received;
    }

    /* INTERNAL */

    function _distribute(address token, uint256 count) private nonReentrant returns (uint256 paid) {
        (bytes memory table, uint256 silent) = _table();
        (uint256 size, uint256 shareSum) = (table.size(), table.sum());
        Book storage stored = _books[token];
        (uint256 before, uint256 parked, uint256 first) = (stored.received, stored.parked, stored.next);
        uint256 total = first == 0
            ? _arrived(token, table.partsOf(0, size, before, shareSum), parked, before)
            : _goals[token];
        // A splitter without shares, of an asset that owes nothing, keeps what was sent to it by mistake.
        // Whoever sends a little more, to make the two differ, has it divided.
        if (total == before || shareSum == 0) return 0;
        // All writes come before the first payment; what fails is added at the end, under the guard.
        uint256 end = size;
        // It is always the turn of a payee: `first` is less than the size.
        unchecked {
            if (count < size - first) end = first + count;
        }
        if (end != size) {
            if (first == 0) _goals[token] = total;
            stored.write(uint120(before), uint120(parked), uint16(end));
            emit ChunkPaid(token, first, count);
        } else {
            if (first != 0) {
                delete _goals[token];
                emit ChunkPaid(token, first, size - first);
            }
            stored.write(uint120(total), uint120(parked), 0);
        }
        uint256 failed = 0;
        (paid, failed) = _pay(token, table, silent, shareSum, before, total, first, end);
        if (failed != 0) stored.parked = uint120(parked + failed);
        emit Distributed(token, paid);
    }

    /// @dev Pays the payees from `first` up to `end` what `total` gives them more than `before`, and parks what cannot be
    /// paid.
    function _pay(
        address token,
        bytes memory table,
        uint256 silent,
        uint256 shareSum,
        uint256 before,
        uint256 total,
        uint256 first,
        uint256 end
    ) private returns (uint256 paid, uint256 failed) {
        // No sum here is more than the total, which has 120 bits, or the number of payees.
        unchecked {
            for (uint256 i = first; i < end; ++i) {
                uint256 share = table.shareAt(i);
                uint256 amount =
                    ShareTable.part(total, share, shareSum) - ShareTable.part(before, share, shareSum);
                // Spares a transfer of nothing.
                if (amount == 0) continue;
                paid += amount;
                address payee = table.payeeAt(i);
                if ((silent >> i) & 1 == 0 && _push(token, payee, amount)) continue;
                failed += amount;
                _park(token, payee, amount);
            }
        }
    }

    /// @dev All that ever arrived: what is here, and what was divided, less what was parked of that and is still here.
    /// Not less than was counted before: a token may shrink balances.
    function _arrived(address token, uint256 divided, uint256 parked, uint256 counted)
        private
        view
        returns (uint256 total)
    {
        uint256 held = _balance(token);
        unchecked {
            total = held + (divided - parked);
        }
        // A token with more units than this cannot brick what it does not fit: the rest waits.
        if (held > LIMIT || total > LIMIT) return LIMIT;
        if (total < counted) return counted;
    }

    function _claimed(address token, uint256 amount) internal override {
        _books[token].parked -= uint120(amount);
    }

    /// @dev What the clone carries. The implementation carries nothing, so that it has no payees.
    function _args() internal view returns (bytes memory args) {
        if (address(this) == _implementation) return args;
        assembly ("memory-safe") {
            // As OpenZeppelin's Clones lays them out: behind 45 bytes of code.
            let size := sub(extcodesize(address()), 0x2d)
            args := mload(0x40)
            mstore(0x40, add(args, and(add(size, 0x3f), not(0x1f))))
            mstore(args, size)
            extcodecopy(address(), add(args, 0x20), 0x2d, size)
        }
    }

    /// @return table The payees, at most 256, and their shares.
    /// @return silent A set bit for the place of each payee that cannot be paid now: its part is parked at once.
    function _table() internal view virtual returns (bytes memory table, uint256 silent);
}
