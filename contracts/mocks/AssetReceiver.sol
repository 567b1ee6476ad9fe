// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";

/// @title AssetReceiver: takes assets, or refuses them in one of two ways, and notes who sent the last.
contract AssetReceiver is IERC721Receiver {
    enum Answer {
        Accept,
        WrongValue,
        Revert
    }

    Answer private immutable _answer;

    /// @notice Assets received.
    uint256 public received;
    /// @notice Who handed the last one over.
    address public operator;
    /// @notice Its owner before; zero if it is new.
    address public sender;
    /// @notice The last one.
    uint256 public assetId;

    /// @dev This receiver takes none.
    error AssetRefused(uint256 assetId);

    constructor(Answer answer) {
        _answer = answer;
    }

    /// @inheritdoc IERC721Receiver
    function onERC721Received(address operator_, address sender_, uint256 assetId_, bytes calldata)
        external
        returns (bytes4)
    {
        if (_answer == Answer.Revert) revert AssetRefused(assetId_);
        ++received;
        (operator, sender, assetId) = (operator_, sender_, assetId_);
        return _answer == Answer.Accept ? this.onERC721Received.selector : bytes4(0);
    }
}
